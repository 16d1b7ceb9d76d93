from __future__ import annotations

import numpy as np
import pytest

from longshore.loading.proof.sample_inputs import (
    MOST_SAMPLE_BYTES,
    candidate_dimensions,
    find_sample_maker,
    unlike_inputs,
)
from longshore.tensors import Datatype, Signature, TensorSpec


def signature(*shape: int, datatype: Datatype = Datatype.FP32) -> Signature:
    return Signature((TensorSpec("x", datatype, shape),), ())


def tried(given: Signature) -> list[tuple[int, ...]]:
    """The shapes that are tried on a model which refuses all."""
    shapes = []

    def refuse(inputs):
        shapes.append(inputs["x"].shape)
        raise ValueError("no")

    errors: list[Exception] = []
    maker = find_sample_maker(given, refuse, errors)
    assert maker is None
    assert len(errors) == len(shapes)
    return shapes


@pytest.mark.parametrize("axes", range(1, 9))
def test_rows_of_open_dimensions_are_bounded_in_bytes_and_the_smaller_ones_come_first(axes):
    shapes = tried(signature(-1, *[-1] * axes))

    sizes = [4 * int(np.prod(shape)) for shape in shapes]
    assert max(sizes) <= MOST_SAMPLE_BYTES
    assert sizes[:-1] == sorted(sizes[:-1]), "the last has one element on each axis"
    assert shapes[-1][1:] == (1,) * axes


def test_what_is_fixed_is_what_the_model_takes_however_large():
    assert tried(signature(-1, 3, 2048, 2048)) == [(1, 3, 2048, 2048)]
    assert candidate_dimensions(signature(-1, -1, 4096, 4096)) == [1]


def test_one_and_the_sizes_of_images_are_tried():
    assert {shape[2] for shape in tried(signature(-1, 3, -1, -1))} == {16, 32, 128, 224, 1}


@pytest.mark.parametrize("datatype", [Datatype.INT64, Datatype.FP16, Datatype.BYTES, Datatype.BOOL])
def test_unlike_inputs_differ_in_rows_sizes_and_values(datatype):
    found = [inputs["x"] for inputs in unlike_inputs(signature(-1, -1, datatype=datatype))]

    assert {len(array) for array in found} == {1, 2, 3}
    assert len({array.shape[1] for array in found}) > 1
    assert {tuple(sorted(set(array.ravel().tolist())))[:2] for array in found} > {
        (b"0",) if datatype is Datatype.BYTES else (0,),
        (b"1",) if datatype is Datatype.BYTES else (1,),
    }
    assert {array.dtype for array in found} == {datatype.numpy_dtype}
