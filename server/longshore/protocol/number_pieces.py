"""Numbers of a piece of a JSON list by simdjson, which gives whole buffers of doubles or integers.

It is strict where JSON is: no texts, no booleans, no fractions for integers, nothing beyond 64
bits. What it refuses goes to the slow path, which names the fault.
"""

from __future__ import annotations

import importlib
import threading
from types import ModuleType
from typing import Any

import numpy as np

from longshore.tensors import Array, Datatype

_BUFFERS = {"f": ("d", np.float64), "i": ("i", np.int64), "u": ("u", np.uint64)}
_parsers = threading.local()


def _find_simdjson() -> ModuleType | None:
    try:
        return importlib.import_module("simdjson")
    except ModuleNotFoundError:
        return None


simdjson = _find_simdjson()


def numbers_from_piece(piece: bytes, datatype: Datatype) -> Array | None:
    """The numbers between the commas of `piece`; `None` where the slow path must parse them."""
    buffer = _BUFFERS.get(datatype.numpy_dtype.kind)
    if simdjson is None or buffer is None or not piece:
        return None
    code, dtype = buffer
    try:
        document = _parser().parse(b"[%b]" % piece)
        wide = np.frombuffer(document.as_buffer(of_type=code), dtype=dtype)
    except (ValueError, TypeError, RuntimeError):
        return None
    return _narrow(wide, datatype)


def _parser() -> Any:
    """One for each thread: a parser owns the memory of what it parsed last."""
    if not hasattr(_parsers, "parser"):
        assert simdjson is not None
        _parsers.parser = simdjson.Parser()
    return _parsers.parser


def _narrow(wide: Array, datatype: Datatype) -> Array | None:
    """`wide` in the element type wanted, or `None` when a number does not fit into it."""
    dtype = datatype.numpy_dtype
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            narrow = wide.astype(dtype)
        return narrow if np.isfinite(narrow).all() else None
    bounds = np.iinfo(dtype)
    if len(wide) and (wide.min() < bounds.min or wide.max() > bounds.max):
        return None
    return wide.astype(dtype)
