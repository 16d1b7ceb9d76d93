"""Tensors as the protocol names them and as numpy holds them.

A tensor inside the server is always a C-ordered `numpy.ndarray`; BYTES is an object array whose
elements are `bytes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cached_property
from math import prod
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from msgspec import Struct

Array: TypeAlias = npt.NDArray[Any]
Tensors: TypeAlias = dict[str, Array]


class Datatype(StrEnum):
    """Tensor element types of the Open Inference Protocol v2 ("Tensor Data Types")."""

    BOOL = "BOOL"
    UINT8 = "UINT8"
    UINT16 = "UINT16"
    UINT32 = "UINT32"
    UINT64 = "UINT64"
    INT8 = "INT8"
    INT16 = "INT16"
    INT32 = "INT32"
    INT64 = "INT64"
    FP16 = "FP16"
    FP32 = "FP32"
    FP64 = "FP64"
    BYTES = "BYTES"

    __hash__ = str.__hash__  # an enum's own is Python code, and these are keys on the hot path

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        return _NUMPY_DTYPES[self]

    @property
    def itemsize(self) -> int | None:
        """Bytes of one element; `None` for BYTES, whose elements differ in length."""
        return None if self is Datatype.BYTES else _NUMPY_DTYPES[self].itemsize

    @classmethod
    def of(cls, array: Array) -> Datatype:
        """The datatype of `array`; strings and objects are BYTES.

        Raises:
            ValueError: numpy types that the protocol has no name for (complex, dates, structures).
        """
        dtype = array.dtype
        datatype = _DATATYPES.get(dtype if dtype.isnative else dtype.newbyteorder("="))
        if datatype is not None:
            return datatype
        if array.dtype.kind in "OSU":
            return cls.BYTES
        raise ValueError(f"numpy dtype {array.dtype} has no Open Inference Protocol datatype")


_NUMPY_DTYPES: Mapping[Datatype, np.dtype[Any]] = {
    Datatype.BOOL: np.dtype(np.bool_),
    Datatype.UINT8: np.dtype(np.uint8),
    Datatype.UINT16: np.dtype(np.uint16),
    Datatype.UINT32: np.dtype(np.uint32),
    Datatype.UINT64: np.dtype(np.uint64),
    Datatype.INT8: np.dtype(np.int8),
    Datatype.INT16: np.dtype(np.int16),
    Datatype.INT32: np.dtype(np.int32),
    Datatype.INT64: np.dtype(np.int64),
    Datatype.FP16: np.dtype(np.float16),
    Datatype.FP32: np.dtype(np.float32),
    Datatype.FP64: np.dtype(np.float64),
    Datatype.BYTES: np.dtype(np.object_),
}
_DATATYPES = {dtype: datatype for datatype, dtype in _NUMPY_DTYPES.items()}


class TensorSpec(Struct, frozen=True):
    """Name, element type and shape of one input or output; -1 in `shape` is a dimension that may
    vary.
    """

    name: str
    datatype: Datatype
    shape: tuple[int, ...]

    def accepts_shape(self, shape: tuple[int, ...]) -> bool:
        if len(shape) != len(self.shape):
            return False
        for wanted, found in zip(self.shape, shape, strict=True):  # noqa: SIM110 (twice as fast)
            if wanted not in (found, -1):
                return False
        return True


class LeftOut(Struct, frozen=True):
    """An input or output of the artifact that is not served."""

    kind: Literal["input", "output"]
    name: str
    reason: str
    """Goes on from "output 'x' ...", and names the remedy."""

    def __str__(self) -> str:
        return f"{self.kind} '{self.name}' {self.reason}"


class Signature(Struct, frozen=True, dict=True):
    """Everything that a model takes and gives, in the artifact's own order."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    left_out: tuple[LeftOut, ...] = ()
    """Parts that are in none of these two, for clients that ask for them."""

    @cached_property
    def output_names(self) -> tuple[str, ...]:
        return tuple(spec.name for spec in self.outputs)

    @cached_property
    def input_by_name(self) -> Mapping[str, TensorSpec]:
        return {spec.name: spec for spec in self.inputs}

    @cached_property
    def output_by_name(self) -> Mapping[str, TensorSpec]:
        return {spec.name: spec for spec in self.outputs}

    def why_left_out(self, kind: Literal["input", "output"], name: str) -> str | None:
        """The sentence for a part that is not served; `None` when the artifact has no such part."""
        for part in self.left_out:
            if (part.kind, part.name) == (kind, name):
                return f"{kind} '{name}' is not served: it {part.reason}"
        return None


def element_count(shape: Iterable[int]) -> int:
    """Number of elements of a tensor of `shape`, exact for any size (Python integers do not
    overflow).
    """
    return prod(shape)
