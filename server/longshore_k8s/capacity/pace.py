"""How long each part of a measurement takes."""

from __future__ import annotations

from dataclasses import dataclass

MOST_REQUESTS = 600_000


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds have a least and a most; in between, the number of requests decides."""

    step_requests: int = 1_200
    step_seconds: tuple[float, float] = (5.0, 30.0)
    confirmed_requests: int = 7_000
    confirmed_seconds: tuple[float, float] = (30.0, 170.0)
    """A machine is not equally fast in each of ten seconds, however many requests they have."""
    verdict_seconds: tuple[float, float] = (20.0, 60.0)
    """Of a step that confirms another of a bisection; as many requests as a confirmation has."""
    burst_seconds: float = 5.0
    overload_seconds: float = 30.0

    def step(self, rate: float) -> int:
        """Requests of a step at `rate` per second."""
        return _count(rate, self.step_requests, self.step_seconds)

    def confirmation(self, rate: float) -> int:
        return _count(rate, self.confirmed_requests, self.confirmed_seconds)

    def verdict(self, rate: float) -> int:
        return _count(rate, self.confirmed_requests, self.verdict_seconds)


def _count(rate: float, wanted: int, seconds: tuple[float, float]) -> int:
    least, most = seconds
    return max(50, min(round(rate * min(max(wanted / rate, least), most)), MOST_REQUESTS))


QUICK = Pace(
    step_requests=400,
    step_seconds=(2.0, 8.0),
    confirmed_requests=1_000,
    confirmed_seconds=(2.0, 20.0),
    verdict_seconds=(2.0, 20.0),
    burst_seconds=2.0,
    overload_seconds=5.0,
)
"""For a first look: wider intervals, and fewer late requests seen."""
