"""What a request costs the event loop: parsing, validating, encoding, sending, in CPU seconds."""

from __future__ import annotations

from math import exp

from longshore.autoscaling.clocks import Elapsed

MEMORY_SECONDS = 10.0
"""Time constant of forgetting."""
LEAST_REQUESTS = 20
LEAST_BUSY_SHARE = 0.05
"""With fewer requests and less work than this between two looks, what an idle event loop does would
distort the price."""
MOST_REFUSED_SHARE = 0.05
"""A refusal is cheap; a mean over many of them says little of a request that is computed."""
LEAST_SHARE = 0.3
"""Of the price as observed: what is left at least when the wake-ups, an estimate, are taken off."""


class EventLoopPrice:
    """CPU seconds of the event loop for each request when the pod is full. Includes the model's own
    work where that runs on the event loop.

    A wake-up is expensive: caches are cold, and the first request after one pays for that. A busy
    loop does not sleep, so a cheap model's request costs half as much under load as alone. What
    wake-ups cost is seen while no requests come; it is taken off as far as the event loop is what
    the pod's CPU time goes to, because so far it will be busy when the pod is full.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        """0 while nothing is known."""
        self._requests = self._refusals = 0
        self._wakeup_seconds = 0.0

    def count(self) -> None:
        """A request arrived."""
        self._requests += 1

    def count_refusal(self) -> None:
        """A request was refused before its body was read."""
        self._refusals += 1

    def learn(self, elapsed: Elapsed) -> None:
        """From the requests that were counted since the last call."""
        requests, refusals = self._requests, self._refusals
        self._requests = self._refusals = 0
        keep = exp(-elapsed.wall / MEMORY_SECONDS)
        if not requests:
            if elapsed.wakeups > 0:
                seconds = elapsed.event_loop_cpu / elapsed.wakeups
                self._wakeup_seconds = _mixed(self._wakeup_seconds, seconds, keep)
            return
        is_busy = elapsed.event_loop_cpu >= LEAST_BUSY_SHARE * elapsed.wall
        is_mixed = refusals > MOST_REFUSED_SHARE * requests
        if (requests >= LEAST_REQUESTS or is_busy) and not (is_mixed and self.seconds):
            self.seconds = _mixed(self.seconds, self._under_load(elapsed) / requests, keep)

    def _under_load(self, elapsed: Elapsed) -> float:
        """CPU seconds that the same requests would have cost on a pod that is full."""
        observed = elapsed.event_loop_cpu
        if elapsed.process_cpu <= 0:
            return observed
        share = min(1.0, observed / elapsed.process_cpu)
        wakeups = share * elapsed.wakeups * self._wakeup_seconds
        return max(LEAST_SHARE * observed, observed - wakeups)


def _mixed(old: float, new: float, keep: float) -> float:
    return keep * old + (1 - keep) * new if old else new
