"""`model_warmup`: inputs that the model runs on, in Triton's words."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal, cast

from longshore.repository.config import tensors
from longshore.repository.config_node import ConfigNode
from longshore.repository.model_config import ModelWarmup, WarmupInput
from longshore.tensors import element_count

KEYS = ("name", "batch_size", "inputs", "count")
INPUT_KEYS = ("data_type", "dims", "zero_data", "random_data", "input_data_file")
SOURCES = ("zero_data", "random_data", "input_data_file")
MOST_ROWS = 1024
MOST_BYTES = 64 * 2**20
"""Of one input; other clients' requests have a bound too."""


def read(node: ConfigNode | None) -> tuple[ModelWarmup, ...]:
    return () if node is None else tuple(_sample(item) for item in node.items())


def _sample(node: ConfigNode) -> ModelWarmup:
    keys = node.section(KEYS)
    inputs = node.required(keys, "inputs").entries()
    rows = keys["batch_size"].integer(minimum=1, maximum=MOST_ROWS) if "batch_size" in keys else 1
    return ModelWarmup(
        name=keys["name"].text() if "name" in keys else node.key,
        batch_size=rows,
        inputs=tuple(_input(str(name), item, rows) for name, item in inputs.items()),
        count=keys["count"].integer(minimum=0, maximum=MOST_ROWS) if "count" in keys else 1,
    )


def _input(name: str, node: ConfigNode, rows: int) -> WarmupInput:
    keys = node.section(INPUT_KEYS)
    given = [key for key in SOURCES if key in keys]
    if len(given) != 1:
        raise node.error(
            f"found {', '.join(given) or 'none'}, allowed: one of {', '.join(SOURCES)}"
        )
    source = cast("Literal['zero_data', 'random_data', 'input_data_file']", given[0])
    dims_node = node.required(keys, "dims")
    dims = tensors.read_dims(dims_node)
    datatype = tensors.read_data_type(node.required(keys, "data_type"))
    if -1 in dims:
        raise dims_node.unexpected("sizes from 1: a sample has a shape")
    if rows * element_count(dims) * datatype.numpy_dtype.itemsize > MOST_BYTES:
        raise dims_node.error(f"more than {MOST_BYTES} bytes in {rows} rows")
    file = _file_name(keys[source]) if source == "input_data_file" else ""
    return WarmupInput(name, datatype, dims, source, file)


def _file_name(node: ConfigNode) -> str:
    path = PurePosixPath(node.text())
    if path.is_absolute() or ".." in path.parts or "\0" in node.text():
        raise node.unexpected("the name of a file in the directory warmup of the model")
    return str(path)
