"""Arrivals that know nothing of each other: the same seed gives the same ones."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Times: TypeAlias = NDArray[np.float64]
"""Seconds since a load began, ascending."""


def poisson_arrivals(rate: float, count: int, seed: int) -> Times:
    """The first `count` arrivals of a Poisson process of `rate` per second."""
    gaps = np.random.default_rng(seed).exponential(1 / rate, count)
    return np.cumsum(gaps)
