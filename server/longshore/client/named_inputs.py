"""`--input [NAME=]FILE`: which file is for which input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from longshore.client.files import read_file, read_json_file, read_table, typed_cells
from longshore.client.fitting import from_nested
from longshore.errors import InvalidRequest, SettingsError, UnsupportedFeature
from longshore.protocol.json_codec import decode_json_request
from longshore.protocol.validation import missing_inputs_error, unknown_name
from longshore.tensors import Signature, Tensors


def read_inputs(
    arguments: Sequence[str], signature: Signature, pixels: tuple[float, float]
) -> Tensors:
    """Every input of the model, in the order of the signature.

    Raises:
        SettingsError: an unknown name, an input that is given twice or not at all, or a file that
        does not fit; says which.
    """
    inputs: Tensors = {}
    for argument in arguments:
        name, path = _split(argument, signature)
        found = (
            _unnamed(path, signature, pixels)
            if name is None
            else {name: read_file(path, signature.input_by_name[name], _source(path), pixels)}
        )
        twice = inputs.keys() & found.keys()
        if twice:
            raise SettingsError(f"--input: '{min(twice)}' is given more than once")
        inputs |= found
    if len(inputs) != len(signature.inputs):
        raise SettingsError(f"--input: {missing_inputs_error(inputs, signature)}: NAME=FILE")
    return {spec.name: inputs[spec.name] for spec in signature.inputs}


def _split(argument: str, signature: Signature) -> tuple[str | None, Path]:
    """Names of inputs may have `=` in them, and so may files."""
    for spec in sorted(signature.inputs, key=lambda s: -len(s.name)):
        if argument.startswith(f"{spec.name}="):
            return spec.name, Path(argument.removeprefix(f"{spec.name}="))
    name, equals, _ = argument.partition("=")
    if equals and not Path(argument).exists():
        raise SettingsError(f"--input {argument}: {unknown_name('input', name, signature)}")
    return None, Path(argument)


def _unnamed(path: Path, signature: Signature, pixels: tuple[float, float]) -> Tensors:
    """A file for the only input, or one that names the inputs itself."""
    source = _source(path)
    suffix = path.suffix.lower()
    if suffix == ".json":
        document = read_json_file(path, source)
        if isinstance(document, dict):
            return _of_object(document, signature, source)
    if suffix == ".csv" and len(signature.inputs) > 1:
        return _of_columns(path, signature, source)
    if len(signature.inputs) > 1:
        names = ", ".join(f"'{spec.name}'" for spec in signature.inputs)
        raise SettingsError(f"{source}: for which of {names} is it? --input NAME={path}")
    (spec,) = signature.inputs
    return {spec.name: read_file(path, spec, source, pixels)}


def _of_object(document: dict[str, Any], signature: Signature, source: str) -> Tensors:
    """A body of `/infer`, or values by the inputs' names."""
    if isinstance(document.get("inputs"), list) and "inputs" not in signature.input_by_name:
        try:
            return decode_json_request(orjson.dumps(document), signature=signature).inputs
        except (InvalidRequest, UnsupportedFeature) as error:
            raise SettingsError(f"{source}: {error}") from error
    for name in document:
        if name not in signature.input_by_name:
            raise SettingsError(f"{source}: {unknown_name('input', name, signature)}")
    return {
        name: from_nested(values, signature.input_by_name[name], source)
        for name, values in document.items()
    }


def _of_columns(path: Path, signature: Signature, source: str) -> Tensors:
    """A column for each input, by the header; others are left alone."""
    header, rows = read_table(path, source)
    missing = [s.name for s in signature.inputs if s.name not in (header or [])]
    if header is None or missing:
        raise SettingsError(
            f"{source}: has no column {missing[0]!r}; the model takes several inputs, each of "
            "which is a column, and the first row has their names"
        )
    return {
        spec.name: from_nested(
            typed_cells([[row[header.index(spec.name)]] for row in rows], spec, source),
            spec,
            source,
        )
        for spec in signature.inputs
    }


def _source(path: Path) -> str:
    return f"--input {path}"
