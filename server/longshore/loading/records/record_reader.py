"""A kept record, believed only where every key, type and value is one that a start writes.

What lies in a cache directory may be half-written, edited or of another program: a wrong number of
instances or rows would be served as it is.
"""

from __future__ import annotations

import sys
from typing import Any, get_args

from longshore.backends.base import CudaOptions, GraphUse, Precision
from longshore.batching.cost import CostLine
from longshore.loading.plan import ExecutionPlan, WidePlan

MOST_INSTANCES = 1024
MOST_ROWS = 2**31 - 1

PaddedAxis = tuple[str, int, str, int]


class Section:
    """A JSON object with exactly the keys `keys`; every reader raises ValueError."""

    def __init__(self, content: object, keys: tuple[str, ...]) -> None:
        if not isinstance(content, dict) or content.keys() != set(keys):
            raise ValueError(f"not an object with the keys {', '.join(keys)}")
        self._content: dict[str, Any] = content

    def integer(self, key: str, most: int) -> int:
        return _integer(self._content[key], 1, most, key)

    def flag(self, key: str) -> bool:
        value = self._content[key]
        if not isinstance(value, bool):
            raise ValueError(f"{key}: not true or false")
        return value

    def text(self, key: str) -> str:
        value = self._content[key]
        if not isinstance(value, str):
            raise ValueError(f"{key}: not text")
        return value

    def items(self, key: str) -> list[Any]:
        value = self._content[key]
        if not isinstance(value, list):
            raise ValueError(f"{key}: not a list")
        return value

    def choice(self, key: str, allowed: tuple[Any, ...]) -> Any:
        value = self._content[key]
        if value not in allowed or type(value) is not type(allowed[0]):
            raise ValueError(f"{key}: not one of {allowed}")
        return value

    def raw(self, key: str) -> Any:
        return self._content[key]

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.items(key)
        if not all(isinstance(value, str) for value in values):
            raise ValueError(f"{key}: not texts")
        return tuple(values)


def read_plan(content: object) -> ExecutionPlan:
    section = Section(content, ExecutionPlan.__struct_fields__)
    cost = section.raw("cost")
    section.text("source")
    plan = ExecutionPlan(
        is_batched=section.flag("is_batched"),
        max_batch_size=section.integer("max_batch_size", MOST_ROWS),
        instances=section.integer("instances", MOST_INSTANCES),
        threads=section.integer("threads", MOST_INSTANCES),
        is_inline=section.flag("is_inline"),
        cost=None if cost is None else _read_cost(cost),
        wide=_read_wide(section.raw("wide")),
        notes=section.texts("notes"),
        source="cached",
    )
    if not plan.is_batched and plan.max_batch_size != 1:
        raise ValueError("max_batch_size: not 1 for a model that is not batched")
    if plan.is_inline and plan.instances != 1:
        raise ValueError("instances: not 1 on the event loop")
    return plan


def _read_cost(content: object) -> CostLine:
    return CostLine(_read_points(Section(content, ("points",)).items("points")))


def _read_wide(content: object) -> WidePlan | None:
    if content is None:
        return None
    section = Section(content, WidePlan.__struct_fields__)
    return WidePlan(section.integer("threads", MOST_INSTANCES), _read_cost(section.raw("cost")))


def read_cuda(content: object) -> CudaOptions:
    section = Section(content, CudaOptions.__struct_fields__)
    limit = section.raw("memory_limit_bytes")
    return CudaOptions(
        precision=section.choice("precision", get_args(Precision)),
        graphs=section.choice("graphs", get_args(GraphUse)),
        compiles=section.flag("compiles"),
        memory_limit_bytes=None
        if limit is None
        else section.integer("memory_limit_bytes", 2**63 - 1),
    )


def read_axes(rows: list[Any]) -> tuple[PaddedAxis, ...]:
    return tuple(_read_axis(row) for row in rows)


def _read_axis(row: object) -> PaddedAxis:
    if not isinstance(row, list) or len(row) != 4:
        raise ValueError("padded_outputs: not names and axes")
    name, axis, source, source_axis = row
    if not isinstance(name, str) or not isinstance(source, str):
        raise ValueError("padded_outputs: a name is not text")
    return (
        name,
        _integer(axis, 1, 63, "padded_outputs"),
        source,
        _integer(source_axis, 1, 63, "padded_outputs"),
    )


def _read_points(rows: list[Any]) -> tuple[tuple[int, float], ...]:
    points = tuple(_read_point(row) for row in rows)
    sizes = [size for size, _ in points]
    if not points or sizes != sorted(set(sizes)):
        raise ValueError("points: none, or not ascending in rows")
    return points


def _read_point(row: object) -> tuple[int, float]:
    if not isinstance(row, list) or len(row) != 2:
        raise ValueError("points: not rows and seconds")
    rows, seconds = row
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not 0 < seconds <= sys.float_info.max:  # integers may be longer
        raise ValueError("points: seconds are not a number above 0")
    return _integer(rows, 1, MOST_ROWS, "points"), float(seconds)


def _integer(value: object, least: int, most: int, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{what}: not a whole number from {least} to {most}")
    return value
