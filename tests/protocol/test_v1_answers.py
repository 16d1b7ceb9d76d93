"""A V1 answer holds the numbers that the V2 answer of the same request holds, written alike."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from longshore.errors import UnsupportedFeature
from longshore.protocol import codec, v1
from longshore.protocol.messages import InferenceRequest, InferenceResponse, every_output
from longshore.tensors import Array, Datatype, Tensors

ROWS = 2
NUMPY_TYPES = {
    datatype: [
        np.dtype(code)
        for code in (*np.typecodes["All"], ">i8", ">f4")
        if code not in "OSUV" and np.dtype(code).newbyteorder("=") == datatype.numpy_dtype
    ]
    for datatype in Datatype
    if datatype is not Datatype.BYTES
}
"""Every numpy type that is one datatype: 64-bit integers have several C types, onnxruntime gives
`longlong`, and a byte order.
"""
TEXTS = st.text(max_size=3)


@st.composite
def outputs(draw: st.DrawFn, *, with_rows: bool) -> Array:
    """An output of 0 to 3 dimensions as a framework may give it, in memory of either order."""
    shape: tuple[int, ...] = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
    if with_rows:
        shape = (ROWS, *shape[1:])
    datatype = draw(st.sampled_from(Datatype))
    if datatype is Datatype.BYTES:
        array = draw(hnp.arrays(object, shape, elements=TEXTS.map(str.encode), fill=st.nothing()))
    else:
        dtype = draw(st.sampled_from(NUMPY_TYPES[datatype]))
        array = draw(hnp.arrays(dtype, shape))
    return np.asarray(array, order=draw(st.sampled_from("CF")))


def answers(outputs: Tensors, *, by_column: bool) -> tuple[Any, dict[str, Any]]:
    """What V1 gives, and the `data` that V2 gives by output; numbers as they are written."""
    request = InferenceRequest(
        {"x": np.zeros((ROWS, 1), np.float32)},
        every_output(tuple(outputs), binary_data=False),
        by_column=by_column,
    )
    response = InferenceResponse("m", "1", outputs)
    of_v1, of_v2 = (
        json.loads(
            bytes(protocol.encode_response(response, request).body), parse_float=str, parse_int=str
        )
        for protocol in (v1, codec)
    )
    return of_v1["outputs" if by_column else "predictions"], {
        entry["name"]: entry["data"] for entry in of_v2["outputs"]
    }


def flat(value: Any, dimensions: int) -> list[Any]:
    for _ in range(dimensions - 1):
        value = [element for row in value for element in row]
    return value if dimensions else [value]


@given(outputs(with_rows=False), st.booleans())
@example(np.array(2**63 - 1, np.longlong), True)
@example(np.array([0, 2**64 - 1], np.ulonglong), False)
@example(np.array([np.nan, -np.inf], np.float16), False)
def test_one_output_is_what_v2_answers(array: Array, by_column: bool) -> None:
    found, wanted = answers({"y": array}, by_column=by_column)
    assert flat(found, array.ndim) == wanted["y"]
    assert nesting(found) == told_by_nesting(array.shape)


@given(st.dictionaries(st.sampled_from("abc"), outputs(with_rows=False), min_size=2))
def test_columns_of_several_outputs_are_what_v2_answers(tensors: Tensors) -> None:
    found, wanted = answers(tensors, by_column=True)
    for name, array in tensors.items():
        assert flat(found[name], array.ndim) == wanted[name]


@given(st.dictionaries(st.sampled_from("abc"), outputs(with_rows=True), min_size=2))
@example({"label": np.array([1, 0], np.longlong), "p": np.array([[0.25, np.nan]] * 2)})
def test_rows_of_several_outputs_are_what_v2_answers(tensors: Tensors) -> None:
    found, wanted = answers(tensors, by_column=False)
    assert [row.keys() for row in found] == [tensors.keys()] * ROWS
    for name, array in tensors.items():
        assert flat([row[name] for row in found], array.ndim) == wanted[name]


@given(outputs(with_rows=False))
def test_an_output_without_a_row_for_each_instance_is_refused(array: Array) -> None:
    tensors = {"a": np.zeros(ROWS), "b": array}
    if array.shape[:1] == (ROWS,):
        answers(tensors, by_column=False)
        return
    with pytest.raises(UnsupportedFeature, match="'b' has shape"):
        answers(tensors, by_column=False)


def nesting(value: Any) -> list[int]:
    return [len(value), *(nesting(value[0]) if value else [])] if type(value) is list else []


def told_by_nesting(shape: tuple[int, ...]) -> list[int]:
    """Lists say nothing about what is inside an empty one."""
    return list(shape[: shape.index(0) + 1] if 0 in shape else shape)
