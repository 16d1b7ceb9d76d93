from __future__ import annotations

import numpy as np
import pytest

from longshore.client.fitting import from_array, from_nested
from longshore.errors import SettingsError
from longshore.tensors import Datatype, TensorSpec


def spec(datatype: str = "FP32", shape: tuple[int, ...] = (-1, 4)) -> TensorSpec:
    return TensorSpec("x", Datatype(datatype), shape)


@pytest.mark.parametrize(
    ("values", "wanted", "shape"),
    [
        ([[1, 2, 3, 4]], (-1, 4), (1, 4)),
        ([1, 2, 3, 4], (-1, 4), (1, 4)),
        ([1, 2, 3, 4, 5, 6, 7, 8], (-1, 4), (2, 4)),
        ([[1, 2, 3, 4], [5, 6, 7, 8]], (-1, 2, 2), (2, 2, 2)),
        ([[1, 2], [3, 4]], (-1, 1, 2, 2), (1, 1, 2, 2)),
        (7, (-1, 1), (1, 1)),
        (7, (), ()),
        ([1, 2, 3], (-1,), (3,)),
        ([1, 2, 3], (-1, -1), (1, 3)),
    ],
)
def test_values_take_the_shape_of_the_model(values, wanted, shape):
    array = from_nested(values, spec(shape=wanted), "--input f")

    assert array.shape == shape
    assert array.dtype == np.float32
    assert array.ravel().tolist() == np.ravel(values).tolist()


@pytest.mark.parametrize(
    ("values", "datatype", "message"),
    [
        ([1, 2, 3], "FP32", r"f: input 'x': shape \[3\] does not fit; .* wants \[-1, 4\]"),
        ([[1, 2], [3]], "FP32", "a list of 1 on axis"),
        ([1, 2, 3, "four"], "FP32", "element 3 of `data` is 'four'; FP32 takes numbers"),
        ([1, 2, 3, 4.5], "INT64", "element 3 of `data` is 4.5; INT64 takes whole numbers"),
        ([1, 2, 3, 300], "UINT8", "element 3 of `data` is 300; UINT8 takes whole numbers"),
        ([1, 2, 3, True], "FP32", "element 3 of `data` is true"),
        ([1, 0, 1, 0], "BOOL", "element 0 of `data` is 1; BOOL takes true and false"),
        (["a", "b", "c", 4], "BYTES", "element 3 of `data` is 4; BYTES takes strings"),
        ([[1, 2, 3, 4, 5]], "FP32", "does not fit"),
        ([], "FP32", "has no rows; the first dimension must be at least 1"),
        ([[]], "FP32", "does not fit"),
        ({"a": 1}, "FP32", "is {'a': 1}"),
        (None, "FP32", "is null"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_named(values, datatype, message):
    with pytest.raises(SettingsError, match=message):
        from_nested(values, spec(datatype), "--input f")


@pytest.mark.parametrize(
    ("array", "datatype"),
    [
        (np.array([0.5, 1, 2, 3]), "FP32"),
        (np.array([0.5, 1, 2, 3]), "FP16"),
        (np.array([1, 2, 3, 4]), "FP32"),
        (np.array([1, 2, 3, 4]), "UINT8"),
        (np.array([1, 2, 3, 4], np.uint64), "INT8"),
        (np.array([True, False, True, True]), "INT32"),
        (np.array([0, 1, 1, 0]), "BOOL"),
        (np.array([np.nan, np.inf, 1, 2]), "FP32"),
        (np.array([1, 2, 3, 4], ">i4"), "INT32"),
    ],
)
def test_an_array_is_cast_where_its_values_stay(array, datatype):
    found = from_array(array, spec(datatype), "--input f")

    assert found.dtype == Datatype(datatype).numpy_dtype
    np.testing.assert_array_equal(found.ravel(), array)


def test_texts_of_an_array_become_bytes():
    found = from_array(np.array(["a", "é", "c", "d"]), spec("BYTES"), "--input f")

    assert found.ravel().tolist() == [b"a", "é".encode(), b"c", b"d"]


@pytest.mark.parametrize(
    ("array", "datatype", "message"),
    [
        (np.array([1.5, 2, 3, 4]), "INT64", "numpy's float64; input 'x' takes INT64"),
        (np.array([1, 2, 3, 300]), "UINT8", "the value 300 does not fit into input 'x'"),
        (np.array([1, 2, 3, -1]), "UINT64", "the value -1 does not fit"),
        (np.array([1, 2, 3, 1e300]), "FP32", r"the value 1e\+300 does not fit"),
        (np.array([1, 2, 3, 4]), "BOOL", "numpy's int64; input 'x' takes BOOL"),
        (np.array([1j, 2, 3, 4]), "FP32", "numpy's complex128"),
        (np.array([1, 2, 3, 4]), "BYTES", "takes texts"),
        (np.zeros((2, 3), np.float32), "FP32", r"shape \[2, 3\] does not fit"),
    ],
)
def test_an_array_that_would_change_is_refused(array, datatype, message):
    with pytest.raises(SettingsError, match=message):
        from_array(array, spec(datatype), "--input f")
