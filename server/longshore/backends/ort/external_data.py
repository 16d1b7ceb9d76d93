"""Which files beside `model.onnx` it wants to be read, found without the onnx package.

The file is walked with the field numbers of onnx.proto: only the messages that lead to a tensor's
`external_data` are entered, everything else is skipped by its length.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from longshore.backends.ort.protobuf import Malformed, ProtobufReader
from longshore.errors import ModelLoadError
from longshore.progress import Progress

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


def check_external_data(
    file: BinaryIO, *, path: Path, progress: Progress | None = None
) -> tuple[str, ...]:
    """The locations that the model in `file` names, all of them regular files in the directory of
    `path` (resolved) or below it.

    Raises:
        ModelLoadError: one leads elsewhere, is not there or is a link; or this is not ONNX.
    """
    progress = progress or Progress()
    try:
        with (
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer,
            progress.within(f"reading the fields of {path.name}", total_bytes=len(buffer)),
        ):
            locations = dict.fromkeys(_locations(ProtobufReader(buffer, progress.advance)))
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


def _locations(reader: ProtobufReader) -> Iterator[str]:
    open_messages = [("model", reader.fields(0, len(reader.buffer)))]
    while open_messages:
        kind, fields = open_messages[-1]
        for number, first, last in fields:
            child = _CHILDREN[kind].get(number)
            if child == "entry":
                # A StringStringEntryProto; of a field given twice the last one counts.
                entry = dict(reader.strings(first, last))
                if entry.get(1) == b"location":
                    yield _decode(entry.get(2, b""))
            elif child is not None:
                open_messages.append((child, reader.fields(first, last)))
                break
        else:
            open_messages.pop()
        if len(open_messages) > _MAX_DEPTH:
            raise Malformed(f"nested deeper than {_MAX_DEPTH} levels")


def _decode(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Malformed("an external data location is not UTF-8") from None
