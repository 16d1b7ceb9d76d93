"""torch's tensors as the protocol and numpy have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from longshore.errors import ModelDefect
from longshore.tensors import Array, Datatype, LeftOut, Tensors, TensorSpec

DATATYPES = {
    torch.bool: Datatype.BOOL,
    torch.uint8: Datatype.UINT8,
    torch.uint16: Datatype.UINT16,
    torch.uint32: Datatype.UINT32,
    torch.uint64: Datatype.UINT64,
    torch.int8: Datatype.INT8,
    torch.int16: Datatype.INT16,
    torch.int32: Datatype.INT32,
    torch.int64: Datatype.INT64,
    torch.float16: Datatype.FP16,
    torch.float32: Datatype.FP32,
    torch.float64: Datatype.FP64,
}


class UnservableTensor(ValueError):
    """A part of a model without a form in the Open Inference Protocol; the message goes on from
    its name, says why and names the remedy.
    """


def tensor_spec(name: str, value: Any) -> TensorSpec:
    """What a tensor says of itself; symbolic dimensions become -1.

    Raises:
        UnservableTensor: not a tensor, or of an element type that the protocol does not carry.
    """
    if not isinstance(value, torch.Tensor):
        raise UnservableTensor(
            f"is {shown_value(value)}: it is not a tensor, and only plain tensors can be served; "
            "make it a tensor in the model"
        )
    datatype = DATATYPES.get(value.dtype)
    if datatype is None:
        raise UnservableTensor(
            f"is {value.dtype}, which the protocol cannot carry; {_conversion(value.dtype)}"
        )
    return TensorSpec(name, datatype, tuple(d if isinstance(d, int) else -1 for d in value.shape))


def shown_value(value: Any) -> str:
    """A value that is no tensor, for an error: constants in full, others by their type."""
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    return f"of type {type(value).__name__}"


def servable(parts: Mapping[str, Any]) -> tuple[Tensors, tuple[LeftOut, ...]]:
    """The outputs among `parts` as arrays, and why the others are none."""
    arrays: Tensors = {}
    left_out: list[LeftOut] = []
    for name, value in parts.items():
        try:
            tensor_spec(name, value)
        except UnservableTensor as error:
            left_out.append(LeftOut("output", name, str(error)))
        else:
            arrays[name] = to_array(value)
    return arrays, tuple(left_out)


def _conversion(dtype: torch.dtype) -> str:
    if dtype.is_complex:
        return "split it into real and imaginary parts in the model (torch.view_as_real)"
    return "convert it to float32 in the model"


def to_tensor(array: Array) -> Any:
    """The same memory where torch allows it: it has no read-only tensors and warns of them, and a
    model may write to its inputs.
    """
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def to_array(tensor: Any) -> Array:
    """C-ordered, on the CPU.

    Raises:
        ModelDefect: not a tensor.
    """
    if not isinstance(tensor, torch.Tensor):
        raise ModelDefect(f"the model returned {type(tensor).__name__} where a tensor belongs")
    return np.asarray(tensor.numpy(force=True), order="C")
