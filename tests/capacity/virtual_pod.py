"""A pod in virtual time, an event at a time, written apart from the model that is tested by it."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from longshore_k8s.capacity.arrivals import poisson_arrivals
from longshore_k8s.capacity.step import Step


@dataclass
class VirtualPod:
    """Serves arrivals by batches of known cost; `disturb` may lengthen an execution."""

    fixed: float
    """Seconds of an execution, and of each request in it."""
    per_request: float
    largest: int
    instances: int = 1
    jitter: float = 0.03
    overhead: float = 0.0
    seed: int = 0
    disturb: Callable[[float, float, np.random.Generator], float] = lambda now, seconds, rng: (
        seconds
    )
    lag: float = 0.0
    """Seconds by which the client sends late, on average."""
    spent: float = 0.0
    """Seconds of load so far."""
    rates: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    def run(self, purpose: str, rate: float, count: int) -> Step:
        due = poisson_arrivals(rate, count, int(self.random.integers(2**31)))
        lag = self.random.exponential(self.lag, count) if self.lag else np.zeros(count)
        latency = self.serve(np.maximum.accumulate(due + lag)) - due
        self.spent += count / rate
        self.rates.append(rate)
        return Step(rate, due, latency, np.full(count, 200, np.int16), lag)

    def serve(self, arrivals: np.ndarray) -> np.ndarray:
        """When each is answered."""
        answered = np.empty(len(arrivals))
        waiting: list[int] = []
        ends: list[float] = []  # of what runs
        times, count, came = arrivals.tolist(), len(arrivals), 0
        noise = np.exp(self.jitter * self.random.standard_normal(count)).tolist()
        while came < count or waiting:
            now = heapq.heappop(ends) if waiting else times[came]
            while ends and ends[0] <= now:
                heapq.heappop(ends)
            while came < count and times[came] <= now:
                waiting.append(came)
                came += 1
            while waiting and len(ends) < self.instances:
                batch, waiting = waiting[: self.largest], waiting[self.largest :]
                seconds = (self.fixed + self.per_request * len(batch)) * noise[batch[0]]
                end = now + self.disturb(now, seconds, self.random)
                answered[batch[0] : batch[-1] + 1] = end + self.overhead
                heapq.heappush(ends, end)
        return answered

    @property
    def capacity(self) -> float:
        """Requests per second in full batches."""
        return self.instances * self.largest / (self.fixed + self.per_request * self.largest)

    def knee(self, late_share: float, seconds: float, *, count: int = 400_000) -> float:
        """The truth, by a long run at each of the rates that a bisection looks at."""
        low, high = 0.1 * self.capacity, self.capacity
        unit = poisson_arrivals(1.0, count, 1)
        for _ in range(9):
            rate = (low + high) / 2
            latency = self.serve(unit / rate) - unit / rate
            is_over = float((latency[count // 20 :] > seconds).mean()) > late_share
            low, high = (low, rate) if is_over else (rate, high)
        return (low + high) / 2
