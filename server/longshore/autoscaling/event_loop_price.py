"""What a request costs the event loop: parsing, validating, encoding, sending, in CPU seconds."""

from __future__ import annotations

from longshore.autoscaling.clocks import Elapsed
from longshore.autoscaling.decayed_ratio import DecayedRatio

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
        self.seconds_of_core = 0.0
        """With what the thread waits for a CPU: beside neighbours its core is not all its own."""
        self._requests = self._refusals = 0
        self._per_request = DecayedRatio()
        self._per_wakeup = DecayedRatio()
        self._waited = DecayedRatio()

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
        is_busy = elapsed.event_loop_cpu >= LEAST_BUSY_SHARE * elapsed.wall
        if not requests and not is_busy:
            self._per_wakeup.add(elapsed.event_loop_cpu, elapsed.wakeups, elapsed.wall)
        is_mixed = self.seconds > 0 and refusals > MOST_REFUSED_SHARE * requests
        if requests and (is_busy or requests >= LEAST_REQUESTS) and not is_mixed:
            self._per_request.add(self._under_load(elapsed), requests, elapsed.wall)
            self._waited.add(elapsed.event_loop_waited, elapsed.event_loop_cpu, elapsed.wall)
            self.seconds = self._per_request.value
            self.seconds_of_core = self.seconds * (1 + self._waited.value)

    def _under_load(self, elapsed: Elapsed) -> float:
        """CPU seconds that the same requests would have cost on a pod that is full."""
        observed = elapsed.event_loop_cpu
        share = min(1.0, observed / elapsed.process_cpu) if elapsed.process_cpu > 0 else 0.0
        wakeups = share * elapsed.wakeups * self._per_wakeup.value
        return max(LEAST_SHARE * observed, observed - wakeups)
