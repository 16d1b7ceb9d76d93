from __future__ import annotations

import numpy as np
import pytest

from longshore.loading.proof.batch_proof import prove_batching
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
    assert proof.reason.startswith("a row of output 'y' depends on the other rows of its batch: ")


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


def gives(small, large):
    """A model of two columns, of which the first depends on the other rows of the batch."""
    return lambda x: np.stack([small(x), large(x)], axis=1).astype(x.dtype)


@pytest.mark.parametrize(
    ("small", "large"),
    [
        (lambda x: x[:, 0] - x[:, 0].mean(), lambda x: 1.7e9 + x[:, 1]),
        (lambda x: 1 / (1 + np.exp(x[:, 0].mean() - x[:, 0])), lambda x: 1e4 * x[:, 1]),
        (lambda x: 7.0 + np.arange(len(x)) % 2, lambda x: x[:, 1]),
        (lambda x: 1e6 + np.arange(len(x)), lambda x: x[:, 1]),
        (lambda x: np.where(x[:, 0] > 0.5, 1e4, 1e-3) * (1 + x[:, 1].mean()), lambda x: x[:, 1]),
    ],
    ids=[
        "a score beside a timestamp",
        "a probability beside a logit",
        "a label",
        "an identity",
        "a small element of a column with a large one",
    ],
)
def test_no_column_hides_another(small, large):
    proof = prove(gives(small, large), y=TensorSpec("y", Datatype.FP32, (-1, 2)))

    assert not proof.is_proven
    assert proof.reason.startswith("a row of output 'y' depends on the other rows of its batch: ")


def test_a_difference_is_said_with_both_values():
    proof = prove(lambda x: x * 0 + len(x))

    assert proof.reason.endswith("batch: 1 alone, 3 together")


def test_rows_without_an_axis_of_their_own_are_compared_too():
    spec = TensorSpec("y", Datatype.BYTES, (-1,))

    assert prove(lambda x: np.array([b"a"] * len(x), dtype=object), y=spec).is_proven
    assert not prove(lambda x: np.array([b"%d" % len(x)] * len(x), dtype=object), y=spec).is_proven


def test_one_row_again_and_again_proves_nothing():
    class Same:
        def make(self, rows, seed):
            return {"x": np.ones((rows, 4), np.float32)}

    signature = Signature((X,), (Y,))
    proof = prove_batching(signature, lambda inputs: {"y": inputs["x"]}, Same())

    assert proof.reason == "the samples have one row, where a proof needs rows that differ"
