"""What a cell measured, and the bar it is held to."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, NamedTuple


class Bounds(NamedTuple):
    """What is allowed; `None` is no bound."""

    least: float | None = None
    most: float | None = None

    def hold(self, value: float) -> bool:
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )

    def __str__(self) -> str:
        if self.least is not None and self.most is not None:
            return f"{self.least:g} to {self.most:g}"
        if self.least is not None:
            return f">= {self.least:g}"
        return f"<= {self.most:g}" if self.most is not None else "-"


INFORMATION = Bounds()
"""No verdict."""


class Key(NamedTuple):
    """What is measured anew in each round."""

    cell: str
    workload: str
    limit: str
    what: str


@dataclass(frozen=True, slots=True)
class Figure:
    key: Key
    value: float
    bounds: Bounds = INFORMATION
    details: dict[str, Any] = field(default_factory=dict)
    """What explains the value: rates, CPUs, throttling, latency."""

    def as_row(self) -> dict[str, Any]:
        return {**self.key._asdict(), **asdict(self), "key": None, "bounds": list(self.bounds)}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The median of a figure over its rounds."""

    key: Key
    values: tuple[float, ...]
    bounds: Bounds
    details: dict[str, Any]
    """Of the last round."""

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def passed(self) -> bool:
        return self.bounds.hold(self.value)

    def as_row(self) -> dict[str, Any]:
        return {
            **self.key._asdict(), "median": self.value, "values": list(self.values),
            "bar": str(self.bounds), "passed": self.passed,
        }  # fmt: skip


def verdicts(figures: list[Figure]) -> list[Verdict]:
    """In the order in which the figures were first measured."""
    rounds: dict[Key, list[Figure]] = {}
    for figure in figures:
        rounds.setdefault(figure.key, []).append(figure)
    return [
        Verdict(key, tuple(each.value for each in found), found[-1].bounds, found[-1].details)
        for key, found in rounds.items()
    ]
