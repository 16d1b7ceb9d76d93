from __future__ import annotations

import numpy as np
import pytest

from longshore.loading.proof.batch_proof import agrees, prove_batching
from longshore.loading.proof.sample_inputs import SampleMaker
from longshore.tensors import Datatype, Signature, TensorSpec

X = TensorSpec("x", Datatype.FP32, (-1, 4))
Y = TensorSpec("y", Datatype.FP32, (-1, 4))


def prove(function, *, x: TensorSpec = X, y: TensorSpec = Y):
    signature = Signature((x,), (y,))
    return prove_batching(
        signature, lambda inputs: {"y": function(inputs["x"])}, SampleMaker(signature, 4, 100)
    )


def test_independent_rows_may_be_batched():
    assert prove(lambda x: np.tanh(x) * 3).is_proven


def test_a_fixed_first_axis_is_no_batch_axis():
    proof = prove(lambda x: x, x=TensorSpec("x", Datatype.FP32, (1, 4)))

    assert not proof.is_proven
    assert proof.reason == "input 'x' has shape [1, 4], whose axis 0 is fixed"


def test_an_output_without_the_batch_is_not_batched():
    proof = prove(lambda x: x.sum(0), y=TensorSpec("y", Datatype.FP32, (4,)))

    assert "output 'y' has shape [4], whose axis 0 is fixed" in proof.reason


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.cumsum(x, axis=0),
        lambda x: x - x.mean(axis=0),
        lambda x: x + np.arange(len(x), dtype=x.dtype)[:, None],
        lambda x: x[::-1],
    ],
    ids=["axis 0 is time", "normalised over the batch", "knows its position", "reversed"],
)
def test_rows_that_depend_on_their_company_are_not_batched(function):
    proof = prove(function)

    assert not proof.is_proven
    assert proof.reason == "a row of output 'y' depends on the other rows of its batch"


def test_an_output_whose_length_depends_on_the_data_is_not_batched():
    proof = prove(lambda x: x[x[:, 0] > 0.2])

    assert not proof.is_proven
    assert "has shape" in proof.reason


def test_a_model_that_fails_on_several_rows_is_not_batched():
    def only_one(x):
        if len(x) > 1:
            raise ValueError("only one row")
        return x

    assert prove(only_one).reason == "a batch of several rows fails: only one row"


def test_rounding_is_forgiven_in_proportion_to_the_values():
    wanted = np.array([1000.0, 0.001], dtype=np.float32)

    assert agrees(wanted * np.float32(1 + 1e-6), wanted)
    assert not agrees(wanted * np.float32(1.01), wanted)


def test_nan_agrees_with_nan_and_with_nothing_else():
    nan = np.array([np.nan, 1.0], dtype=np.float32)

    assert agrees(nan, nan)
    assert not agrees(np.array([0.0, 1.0], dtype=np.float32), nan)


def test_integers_and_texts_agree_only_when_equal():
    assert not agrees(np.array([1, 2]), np.array([1, 3]))
    assert agrees(np.array([b"a"], dtype=object), np.array([b"a"], dtype=object))
