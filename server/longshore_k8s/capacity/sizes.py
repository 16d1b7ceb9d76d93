"""Which size of pod is cheapest for the load that it may be given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prices:
    """For an hour."""

    cpu: float = 1.0
    gibibyte: float = 0.12
    """About an eighth of a CPU's, as clouds have it."""


@dataclass(frozen=True, slots=True)
class Size:
    cpus: float
    memory_mib: int
    target: float
    """Requests per second of one pod at the autoscaler's target."""
    cost: float
    """For an hour of 1,000 requests per second."""


def rank(pods: Iterable[tuple[float, int, float]], prices: Prices) -> list[Size]:
    """From (CPUs, MiB, target) of each; the cheapest first."""
    sizes = [
        Size(
            cpus, mib, target,
            1000 / target * (cpus * prices.cpu + mib / 1024 * prices.gibibyte),
        )
        for cpus, mib, target in pods
    ]  # fmt: skip
    return sorted(sizes, key=lambda size: size.cost)
