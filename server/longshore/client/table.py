"""Outputs as a person reads them, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from longshore.client.served_model import Prediction
from longshore.protocol.json_codec import dump_response, json_output
from longshore.protocol.messages import InferenceResponse, Parameters
from longshore.tensors import Array, Datatype, Tensors

MOST_COLUMNS = 12
MOST_ROWS = 20
MOST_CHARACTERS = 40
"""Of one text."""


def output_tables(outputs: Tensors) -> str:
    """A table for each output: a line for each row of its first axis."""
    return "\n\n".join("\n".join(_table(name, array)) for name, array in outputs.items())


def as_json(model: str, prediction: Prediction, parameters: Parameters) -> str:
    """An answer of the protocol with every output as JSON.

    Raises:
        InvalidRequest: an element of BYTES is no text.
    """
    response = InferenceResponse(
        model, prediction.version, prediction.outputs, parameters=parameters
    )
    entries = [json_output(name, array) for name, array in prediction.outputs.items()]
    return dump_response(response, entries).decode()


def _table(name: str, array: Array) -> Iterator[str]:
    yield f"{name}  {Datatype.of(array)} {list(array.shape)}"
    rows = array.reshape(len(array), -1) if array.ndim and array.size else array.reshape(1, -1)
    shown = [[_cell(value) for value in row[:MOST_COLUMNS].tolist()] for row in rows[:MOST_ROWS]]
    columns = len(shown[0]) if shown else 0
    titles = [str(column) for column in range(columns)]
    marks = [_largest(row) for row in rows[:MOST_ROWS]]
    cells = [["row", *titles], *([str(n), *row] for n, row in enumerate(shown))]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    more = f"  ... {rows.shape[1] - columns} more" if rows.shape[1] > columns else ""
    for line, mark in zip(cells, ["", *marks], strict=True):
        text = "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        yield f"  {text}{more}{mark}"
    if len(rows) > MOST_ROWS:
        yield f"  ... {len(rows) - MOST_ROWS} rows more"


def _largest(row: Array) -> str:
    """Which class a row of scores speaks for."""
    if len(row) < 3 or row.dtype.kind != "f":
        return ""
    return f"  largest: {int(row.argmax())}"


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 3]}..."
