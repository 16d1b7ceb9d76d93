"""Versions that cannot be served, made as `.2` beside version 1 of an ONNX model.

A rename puts them on the volume.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.attacks.served_process import IDENTITY

ZEROS = 2 * 2**30
TINY_FILES = 50_000
GROWS_SECONDS = 60.0
LARGE_WEIGHTS = 2**30


def _draft(model: Path) -> Path:
    draft = model / ".2"
    draft.mkdir()
    return draft


def make_zeros(model: Path) -> None:
    """As a copy that preallocates, and broke off."""
    draft = _draft(model)
    with (draft / "model.onnx").open("wb") as file:
        os.truncate(file.fileno(), ZEROS)


def make_truncated(model: Path) -> None:
    content = (model / "1" / "model.onnx").read_bytes()
    draft = _draft(model)
    (draft / "model.onnx").write_bytes(content[: len(content) * 2 // 3])


def make_random(model: Path) -> None:
    draft = _draft(model)
    (draft / "model.onnx").write_bytes(Random(1).randbytes(8 * 2**20))


def make_tiny_files(model: Path) -> None:
    draft = _draft(model)
    for number in range(TINY_FILES):
        (draft / f"{number}.bin").write_bytes(b"x")
    (draft / "model.onnx").write_bytes((model / "1" / "model.onnx").read_bytes())


def grow(model: Path) -> None:
    """A copy in place, which takes a minute and breaks off."""
    content = (model / "1" / "model.onnx").read_bytes()
    (model / "2").mkdir()
    end = time.monotonic() + GROWS_SECONDS
    with (model / "2" / "model.onnx").open("wb", buffering=0) as file:
        for begin in range(0, len(content) - 1, len(content) // 120 + 1):
            file.write(content[begin : begin + len(content) // 120])
            time.sleep(max(0.0, min(0.5, end - time.monotonic())))


def make_too_large(model: Path) -> None:
    """A good one with a gibibyte of weights."""
    side = 8192
    count = LARGE_WEIGHTS // (4 * side * side)
    weights = [
        numpy_helper.from_array(np.full((side, side), 1e-4, np.float32), f"w{number}")
        for number in range(count)
    ]
    nodes = [
        helper.make_node("MatMul", ["x" if n == 0 else f"h{n}", f"w{n}"], [f"h{n + 1}"])
        for n in range(count)
    ]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", side])
        for name in ("x", f"h{count}")
    ]
    graph = helper.make_graph(nodes, "large", values[:1], values[1:], weights)
    draft = _draft(model)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        str(draft / "model.onnx"),
    )


def make_fault(when: str, what: str) -> Callable[[Path], None]:
    """One that does that to the process which loads it (`faults.sitecustomize`)."""

    def make(model: Path) -> None:
        draft = _draft(model)
        (draft / "model.identity").write_text(IDENTITY)
        (draft / "fault").write_text(f"{when} {what}")

    return make
