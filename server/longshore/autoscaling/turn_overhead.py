"""What a turn of the event loop costs whatever it holds, learned from turns in a row."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log

import numpy as np

OVERHEADS = np.append(0.0, np.geomspace(0.25, 32.0, 64))
"""In requests, 8 % apart. A turn of a small model costs as much as 3 to 6 requests add."""
MEMORY_SECONDS = 60.0
"""Time constant of forgetting: it is the model's and the program's, and not the machine's."""
PRIOR_PAIRS = 10.0
"""For so many pairs of turns counts the expectation that twice the requests cost twice as much."""
LEAST_SECONDS = 1e-9
"""A clock that is too coarse may show nothing."""


class TurnOverhead:
    """So many requests add as much to a turn as it costs by itself.

    The machine's speed changes by a factor of two, for some milliseconds or for seconds, by what
    runs on the other thread of the core, and turns hold more requests just when it is slow. A line
    through all turns takes that for the price of a request. Two turns in a row ran at about the
    same speed, so that their ratio depends on what they hold: least squares over the ratios.
    """

    def __init__(self) -> None:
        self._misses = np.zeros(len(OVERHEADS))
        """Squares of the logarithms of observed over expected ratios."""

    def learn(self, turns: Sequence[tuple[int, float]], wall_seconds: float) -> None:
        """`turns` of the last `wall_seconds` in their order: requests and CPU seconds. One that
        holds 0 requests says nothing, nor does it about its neighbours.
        """
        if len(turns) < 2:
            return
        requests, seconds = np.array(turns).T
        is_pair = (requests[1:] > 0) & (requests[:-1] > 0)
        if not is_pair.any():
            return
        costs = np.log(np.maximum(seconds, LEAST_SECONDS))
        distinct, places = np.unique(np.maximum(requests, 1.0), return_inverse=True)
        expected = np.log(OVERHEADS[:, np.newaxis] + distinct)[:, places]
        misses = (np.diff(costs) - np.diff(expected))[:, is_pair]
        self._misses = exp(-wall_seconds / MEMORY_SECONDS) * self._misses + (misses**2).sum(axis=1)

    def requests(self, mean: float) -> float:
        """The overhead in requests, where turns hold `mean` of them."""
        prior = log(2.0) - np.log((OVERHEADS + 2.0 * mean) / (OVERHEADS + mean))
        return float(OVERHEADS[np.argmin(self._misses + PRIOR_PAIRS * prior**2)])
