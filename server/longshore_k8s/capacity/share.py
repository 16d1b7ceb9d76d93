"""How sure a share is that was counted in requests which depend on each other.

A queue makes late requests come together. Means of 20 consecutive parts (batch means: Schmeiser,
"Batch Size Effects in the Analysis of Simulation Output", 1982) show by how much that reduces the
number of independent ones; Wilson's interval (1927) of that number holds for rare events as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

PARTS = 20
Z_95 = 1.96


@dataclass(frozen=True, slots=True)
class Interval:
    """A share and the bounds between which it is, at 95 %."""

    low: float
    share: float
    high: float


def share_interval(flags: NDArray[np.bool_], z: float = Z_95) -> Interval:
    """Of the flags that are set; they are in order of time."""
    share = float(flags.mean())
    independent = len(flags) / inflation(flags.astype(float), share * (1 - share))
    centre = (share + z * z / (2 * independent)) / (1 + z * z / independent)
    spread = sqrt(share * (1 - share) / independent + (z / (2 * independent)) ** 2)
    half = z * spread / (1 + z * z / independent)
    return Interval(max(0.0, centre - half), share, min(1.0, centre + half))


def inflation(values: NDArray[np.float64], variance: float) -> float:
    """How much more the mean of `values` varies than that of as many independent ones of
    `variance`; at least 1.
    """
    if not variance:
        return 1.0
    means = part_means(values)
    size = len(values) / len(means)
    return max(1.0, float(means.var(ddof=1)) * size / variance) if len(means) > 1 else 1.0


def part_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of up to 20 consecutive parts of equal size."""
    parts = np.array_split(values, min(PARTS, len(values)))
    return np.array([part.mean() for part in parts])
