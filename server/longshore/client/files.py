"""Files with the values of inputs, by the ends of their names."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from longshore.client.fitting import from_array, from_nested, with_shape
from longshore.errors import SettingsError
from longshore.tensors import Array, Datatype, TensorSpec

IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
TEXTS = (".txt", ".text")


def read_file(path: Path, spec: TensorSpec, source: str, pixels: tuple[float, float]) -> Array:
    """The tensor of one input; any file is one element of BYTES where its name says nothing else.

    Raises:
        SettingsError: it cannot be read, or does not fit; names the value and its place.
    """
    suffix = path.suffix.lower()
    readers: dict[str, Callable[[], Array]] = {
        ".json": lambda: from_nested(read_json_file(path, source), spec, source),
        ".npy": lambda: from_array(_read_npy(path, source), spec, source),
        ".csv": lambda: from_nested(_cells(path, spec, source), spec, source),
        **dict.fromkeys(TEXTS, lambda: _lines(path, spec, source)),
    }
    if suffix in readers:
        return readers[suffix]()
    if spec.datatype is Datatype.BYTES:
        return _whole(_content(path, source), spec, source)
    if suffix in IMAGES:
        from longshore.client.image_file import read_image  # needs Pillow

        return read_image(path, spec, source, pixels)
    known = ", ".join((".json", ".npy", ".csv", *TEXTS, *IMAGES))
    raise SettingsError(f"{source}: the file's name must end with one of {known}")


def read_json_file(path: Path, source: str) -> Any:
    """Raises:
    SettingsError: no JSON; says where.
    """
    try:
        return orjson.loads(_content(path, source))
    except orjson.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise SettingsError(f"{source}: is not JSON: {error.msg} ({place})") from error


def read_table(path: Path, source: str) -> tuple[list[str] | None, list[list[str]]]:
    """The header, where the first row has a cell that is no number, and the rows.

    Raises:
        SettingsError: no row, or rows of different lengths.
    """
    text = _text(path, source)
    rows = [row for row in csv.reader(text.splitlines()) if row]
    header = rows.pop(0) if rows and not all(map(_is_number, rows[0])) and len(rows) > 1 else None
    if not rows:
        raise SettingsError(f"{source}: has no row")
    for number, row in enumerate(rows, start=1 if header is None else 2):
        if len(row) != len(header or rows[0]):
            raise SettingsError(
                f"{source}: row {number} has {len(row)} cells, the first has "
                f"{len(header or rows[0])}"
            )
    return header, rows


def typed_cells(rows: list[list[str]], spec: TensorSpec, source: str) -> list[list[Any]]:
    """Cells as the elements of `spec`.

    Raises:
        SettingsError: a cell that is none; says which.
    """
    return [
        [_typed(cell, spec, f"{source}: row {row} column {column}") for column, cell in cells]
        for row, cells in ((r, enumerate(row, start=1)) for r, row in enumerate(rows, start=1))
    ]


def _cells(path: Path, spec: TensorSpec, source: str) -> list[list[Any]]:
    header, rows = read_table(path, source)
    if header is not None and spec.datatype is Datatype.BYTES:
        rows.insert(0, header)  # texts, as the others are
    return typed_cells(rows, spec, source)


def _typed(cell: str, spec: TensorSpec, place: str) -> Any:
    kind = spec.datatype.numpy_dtype.kind
    text = cell.strip()
    try:
        if kind == "O":
            return cell
        if kind == "b":
            return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        return float(text) if kind == "f" else int(text)
    except (KeyError, ValueError):
        raise SettingsError(
            f"{place}: {cell!r} is no {spec.datatype}, which input '{spec.name}' takes"
        ) from None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell.strip().lower() in ("true", "false")
    return True


def _lines(path: Path, spec: TensorSpec, source: str) -> Array:
    """Each line is an element."""
    if spec.datatype is not Datatype.BYTES:
        raise SettingsError(
            f"{source}: a text is for inputs of BYTES, and '{spec.name}' takes {spec.datatype}"
        )
    lines = _text(path, source).splitlines()
    return from_nested(lines, spec, source)


def _read_npy(path: Path, source: str) -> Array:
    try:
        found: Array = np.load(path, allow_pickle=False)
    except OSError as error:
        raise SettingsError(f"{source}: {error.strerror or error}") from error
    except (ValueError, EOFError) as error:
        raise SettingsError(f"{source}: is no array of numpy's: {error}") from error
    if not isinstance(found, np.ndarray):
        raise SettingsError(f"{source}: holds several arrays; allowed is one (.npy)")
    return found


def _whole(content: bytes, spec: TensorSpec, source: str) -> Array:
    """All of a file as one element, such as a JPEG that the model decodes itself."""
    array = np.empty(1, np.object_)
    array[0] = content
    return with_shape(array, spec, source)


def _text(path: Path, source: str) -> str:
    try:
        return _content(path, source).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{source}: not UTF-8 at byte {error.start}") from error


def _content(path: Path, source: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{source}: {error.strerror}") from error
