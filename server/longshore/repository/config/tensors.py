"""`input` and `output`."""

from __future__ import annotations

from longshore.repository.config import padding
from longshore.repository.config_node import ConfigNode
from longshore.repository.model_config import ModelInput, ModelOutput
from longshore.tensors import Datatype

INPUT_KEYS = ("name", "data_type", "dims", "padding")
UNSUPPORTED_INPUT = {
    "format": "the layout is what `dims` says",
    "reshape": "tensors reach the model in the shape that it declares",
    "is_shape_tensor": "TensorRT is not served",
    "is_non_linear_format_io": "TensorRT is not served",
    "allow_ragged_batch": "declare `padding` for the dimensions that vary",
    "optional": "whether an input may be left out is read from the artifact",
}
OUTPUT_KEYS = ("name", "data_type", "dims")
UNSUPPORTED_OUTPUT = {
    "reshape": "tensors leave the model in the shape that it gives",
    "label_filename": "the classification extension is not offered",
    "is_shape_tensor": "TensorRT is not served",
    "is_non_linear_format_io": "TensorRT is not served",
}


def read_inputs(node: ConfigNode | None) -> tuple[ModelInput, ...]:
    if node is None:
        return ()
    inputs = tuple(_input(item) for item in node.items())
    _check_names(node, [tensor.name for tensor in inputs])
    return inputs


def read_outputs(node: ConfigNode | None) -> tuple[ModelOutput, ...]:
    if node is None:
        return ()
    outputs = tuple(_output(item) for item in node.items())
    _check_names(node, [tensor.name for tensor in outputs])
    return outputs


def _input(node: ConfigNode) -> ModelInput:
    keys = node.section(INPUT_KEYS, unsupported=UNSUPPORTED_INPUT)
    name = node.required(keys, "name").text()
    dims = read_dims(node.required(keys, "dims"))
    return ModelInput(
        name=name,
        data_type=read_data_type(node.required(keys, "data_type")),
        dims=dims,
        padding=padding.read(keys.get("padding"), dims=dims, own_name=name),
    )


def _output(node: ConfigNode) -> ModelOutput:
    keys = node.section(OUTPUT_KEYS, unsupported=UNSUPPORTED_OUTPUT)
    return ModelOutput(
        name=node.required(keys, "name").text(),
        data_type=read_data_type(node.required(keys, "data_type")),
        dims=read_dims(node.required(keys, "dims")),
    )


def read_data_type(node: ConfigNode) -> Datatype:
    """Triton's `TYPE_FP32` and the protocol's `FP32` are the same word here."""
    if not isinstance(node.value, str):
        raise node.unexpected(", ".join(Datatype))
    name = "BYTES" if node.value == "TYPE_STRING" else node.value.removeprefix("TYPE_")
    if name not in Datatype.__members__:
        raise node.unexpected(f"{', '.join(Datatype)}, with or without TYPE_ before it")
    return Datatype[name]


def read_dims(node: ConfigNode) -> tuple[int, ...]:
    dims = []
    for item in node.items():
        if item.value == 0:
            raise item.unexpected("-1 (it varies) or a whole number from 1")
        dims.append(item.integer(minimum=-1))
    return tuple(dims)


def _check_names(node: ConfigNode, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise node.error(f"'{twice[0]}' is given twice")
