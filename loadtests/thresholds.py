"""Pass or fail at the end of a headless run."""

from __future__ import annotations

from dataclasses import dataclass

PASSED, FAILED = 0, 1
"""Exit codes of the locust process."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    max_error_rate: float
    """Share of requests, 0 to 1, that may fail; refusals (429, 503) are failures."""
    max_p99_ms: float | None
    """`None` sets no bound on latency."""


@dataclass(frozen=True, slots=True)
class Outcome:
    requests: int
    failures: int
    p99_ms: float


def violations(outcome: Outcome, thresholds: Thresholds) -> list[str]:
    """The thresholds that the run exceeded, one sentence each; empty when it passed."""
    if not outcome.requests:
        return ["no request was answered: nothing was measured"]
    broken = []
    error_rate = outcome.failures / outcome.requests
    if error_rate > thresholds.max_error_rate:
        broken.append(
            f"{outcome.failures} of {outcome.requests} requests failed: {error_rate:.2%}, "
            f"allowed are {thresholds.max_error_rate:.2%}"
        )
    if thresholds.max_p99_ms is not None and outcome.p99_ms > thresholds.max_p99_ms:
        broken.append(f"p99 was {outcome.p99_ms:g} ms, allowed are {thresholds.max_p99_ms:g} ms")
    return broken
