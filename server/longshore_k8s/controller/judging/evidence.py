"""How strongly the counts say that the canary fails more often than stable.

An e-process. Were both versions alike, each bad request would be the canary's with the probability
q, its share of the requests. Were the canary's chance of a bad one r times that of stable, it would
be q' = rq / (rq + 1 - q). E is the mean, over some r, of the likelihood ratio of the two. While the
versions are alike its expectation is at most 1, so it reaches 1000 in at most one of a thousand
rollouts, however often it is looked at (Ville's inequality). No rate of failures has to be known,
and none has to be constant: what fails both versions alike does not raise it.
Lindon, Sanden and Shirikian, Rapid Regression Detection in Software Deployments through Sequential
Testing, https://arxiv.org/abs/2205.14762; Ramdas, Gruenwald, Vovk and Shafer, Game-theoretic
statistics and safe anytime-valid inference, https://arxiv.org/abs/2210.01948.

q is the share of the requests that were counted, not the one that was meant: connections that are
kept open delay the share. It is taken for each block of requests by itself, because share and rate
of failures may both change in a rollout. Within a block the canary's bad requests are a draw
without replacement, which is less spread than the one with replacement that the ratio supposes:
the expectation stays at most 1 (Hoeffding 1963, theorem 4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

RATIOS = (2.0, 5.0, 20.0, 100.0)
"""The r: from twice as many failures to nearly all."""
ROLL_BACK = 1000.0
DOUBT = 10.0
"""From here on it is not said that the versions are alike."""
NOTHING_KNOWN = (0.0,) * len(RATIOS)
_FLOOR = -math.log(ROLL_BACK)
_MOST = 700.0
"""Above it `exp` has no double."""


def block(canary: tuple[int, int], stable: tuple[int, int]) -> tuple[float, ...]:
    """The logarithm of the likelihood ratio for each of `RATIOS`, of requests and bad ones among
    them of both versions.

    With D = 1 + q (r - 1) it is q'/q = r/D, and (1 - q')/(1 - q) = 1/D; so nothing divides by zero
    where a version had no request.
    """
    (requests, bad), (stable_requests, stable_bad) = canary, stable
    whole = requests + stable_requests
    share = requests / whole if whole else 0.0
    return tuple(
        bad * math.log(ratio) - (bad + stable_bad) * math.log1p(share * (ratio - 1.0))
        for ratio in RATIOS
    )


def joined(before: Sequence[float], logs: Sequence[float]) -> tuple[float, ...]:
    """The logarithms after one more block."""
    return tuple(b + log for b, log in zip(before, logs, strict=True))


def floored(logs: Sequence[float]) -> tuple[float, ...]:
    """Kept from falling without end: a failure of stable alone, however long, must not excuse as
    many of the canary's later. From the floor to a rollback by chance is one in a million."""
    return tuple(max(log, _FLOOR) for log in logs)


def value(logs: Sequence[float]) -> float:
    """E."""
    largest = max(logs)
    mean = sum(math.exp(log - largest) for log in logs) / len(logs)
    return math.exp(min(largest + math.log(mean), _MOST))
