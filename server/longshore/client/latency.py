"""Percentiles of measured times."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

PERCENTILES = (50, 90, 99)


def percentile(sorted_values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of all do not exceed (nearest rank)."""
    rank = max(1, ceil(len(sorted_values) * percent / 100))
    return sorted_values[rank - 1]


def summary(seconds: Sequence[float]) -> dict[str, float]:
    """`p50`, `p90`, `p99` and `max`, in seconds."""
    ordered = sorted(seconds)
    found = {f"p{percent}": percentile(ordered, percent) for percent in PERCENTILES}
    return {**found, "max": ordered[-1]}


def as_text(seconds: Sequence[float]) -> str:
    figures = ", ".join(f"{name} {value * 1000:.2f} ms" for name, value in summary(seconds).items())
    return f"{len(seconds)} requests, one after the other: {figures}"
