"""Which files beside `model.onnx` it wants to be read, found without the onnx package.

The file is walked as protocol buffers (https://protobuf.dev/programming-guides/encoding/) with the
field numbers of onnx.proto: only the messages that lead to a tensor's `external_data` are entered,
everything else is skipped by its length.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from longshore.errors import ModelLoadError

_CHILDREN = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}  # fmt: skip
_MAX_DEPTH = 200
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_Buffer = mmap.mmap


class _Malformed(ValueError):
    pass


def check_external_data(file: BinaryIO, *, path: Path) -> tuple[str, ...]:
    """The locations that the model in `file` names, all of them regular files in the directory of
    `path` (resolved) or below it.

    Raises:
        ModelLoadError: one leads elsewhere, is not there or is a link; or this is not ONNX.
    """
    try:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
            locations = dict.fromkeys(_locations(buffer))
    except ValueError as error:
        raise ModelLoadError(f"{path}: not an ONNX model: {error}") from error
    for location in locations:
        problem = _problem(location, path.parent)
        if problem is not None:
            raise ModelLoadError(f"{path}: external data {location!r} {problem}")
    return tuple(locations)


def _problem(location: str, directory: Path) -> str | None:
    parts = PurePosixPath(location.replace("\\", "/"))
    if "\0" in location or not parts.parts:
        return "is not a file name"
    if parts.is_absolute():
        return "is an absolute path, allowed: files in the version directory"
    if ".." in parts.parts:
        return "leads out of the version directory"
    try:
        resolved = (directory / location).resolve(strict=True)
    except (OSError, RuntimeError):
        return "does not exist"
    if resolved != directory / parts:
        return f"is a symbolic link, to {resolved}"
    return None if resolved.is_file() else "is not a regular file"


def _locations(buffer: _Buffer) -> Iterator[str]:
    pending = [("model", 0, len(buffer), 0)]
    while pending:
        kind, start, end, depth = pending.pop()
        if depth > _MAX_DEPTH:
            raise _Malformed(f"nested deeper than {_MAX_DEPTH} levels")
        children = _CHILDREN[kind]
        for number, first, last in _fields(buffer, start, end):
            child = children.get(number)
            if child == "entry":
                key, value = _entry(buffer, first, last)
                if key == b"location":
                    yield _decode(value)
            elif child is not None:
                pending.append((child, first, last, depth + 1))


def _entry(buffer: _Buffer, start: int, end: int) -> tuple[bytes, bytes]:
    """A StringStringEntryProto; of a field given twice the last one counts, as protobuf has it."""
    found = {number: buffer[first:last] for number, first, last in _fields(buffer, start, end)}
    return found.get(1, b""), found.get(2, b"")


def _decode(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise _Malformed("an external data location is not UTF-8") from None


def _fields(buffer: _Buffer, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, first and last byte (exclusive) of each length-delimited field."""
    position = start
    while position < end:
        tag, position = _varint(buffer, position, end)
        wire_type = tag & 7
        if wire_type == _BYTES:
            length, position = _varint(buffer, position, end)
            if length > end - position:
                raise _Malformed(f"a field at byte {position} is longer than what holds it")
            yield tag >> 3, position, position + length
            position += length
        elif wire_type == _VARINT:
            _, position = _varint(buffer, position, end)
        elif wire_type in (_FIXED64, _FIXED32):
            position += 8 if wire_type == _FIXED64 else 4
        else:
            raise _Malformed(f"unknown wire type {wire_type} at byte {position}")


def _varint(buffer: _Buffer, position: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= end:
            raise _Malformed("truncated")
        byte = buffer[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise _Malformed(f"a number at byte {position} does not end")
