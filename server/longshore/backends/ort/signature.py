"""From onnxruntime's words for a model's inputs and outputs to the protocol's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from longshore.tensors import Datatype, TensorSpec

_DATATYPES = {
    "tensor(bool)": Datatype.BOOL,
    "tensor(uint8)": Datatype.UINT8,
    "tensor(uint16)": Datatype.UINT16,
    "tensor(uint32)": Datatype.UINT32,
    "tensor(uint64)": Datatype.UINT64,
    "tensor(int8)": Datatype.INT8,
    "tensor(int16)": Datatype.INT16,
    "tensor(int32)": Datatype.INT32,
    "tensor(int64)": Datatype.INT64,
    "tensor(float16)": Datatype.FP16,
    "tensor(float)": Datatype.FP32,
    "tensor(double)": Datatype.FP64,
    "tensor(string)": Datatype.BYTES,
}


class UnservableTensor(ValueError):
    """An input or output without a form in the Open Inference Protocol; the message goes on
    from its name and says why.
    """


def tensor_spec(node: Any) -> TensorSpec:
    """What an `onnxruntime.NodeArg` says; symbolic and unknown dimensions become -1.

    Raises:
        UnservableTensor: not a tensor, or of an element type that the protocol does not carry.
    """
    datatype = _DATATYPES.get(node.type)
    if datatype is None:
        raise UnservableTensor(f"is {node.type}: {_reason(node.type)}")
    return TensorSpec(node.name, datatype, _shape(node.shape))


def _shape(dims: Sequence[int | str | None]) -> tuple[int, ...]:
    return tuple(dim if isinstance(dim, int) and dim >= 0 else -1 for dim in dims)


def _reason(onnx_type: str) -> str:
    if onnx_type.startswith("seq(map("):
        return (
            "not a tensor; convert the scikit-learn model again with the skl2onnx option "
            "zipmap=False"
        )
    if onnx_type == "tensor(bfloat16)":
        return "bfloat16 has no numpy type; export the model with a cast to float32"
    if onnx_type.startswith("tensor("):
        return "the Open Inference Protocol has no such element type"
    return "only plain tensors can be served"
