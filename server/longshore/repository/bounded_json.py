"""JSON of a file that nobody has vouched for.

The parser holds the interpreter until it is done, except while it calls Python. So it is made to
call Python for each object and number, and the number of values is bounded, which are counted by
their commas before anything is built.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

MAX_VALUES = 2_000_000
"""A parser that is never interrupted takes about half a second for as many empty lists."""


def load_json(
    content: bytes,
    *,
    max_values: int = MAX_VALUES,
    object_pairs_hook: Callable[[list[tuple[str, Any]]], dict[str, Any]] | None = None,
) -> Any:
    """`json.loads`, which takes NaN and infinities too.

    Raises:
        ValueError: not JSON (RFC 8259), not UTF-8, nested too deeply, or more than `max_values`
            values; commas in texts count.
    """
    values = 1 + content.count(b",")
    if values > max_values:
        raise ValueError(f"about {values} values, allowed: {max_values}")
    try:
        return json.loads(
            content,
            object_pairs_hook=object_pairs_hook or _object,
            parse_float=_float,
            parse_int=_integer,
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(pairs)


def _float(text: str) -> float:
    return float(text)


def _integer(text: str) -> int:
    return int(text)
