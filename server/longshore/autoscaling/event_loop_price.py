"""What a request costs the event loop: parsing, validating, encoding, sending, in CPU seconds."""

from __future__ import annotations

from collections import deque

from longshore.autoscaling.clocks import Elapsed
from longshore.autoscaling.decayed_ratio import DecayedRatio
from longshore.autoscaling.turns import TurnCosts, Turns

LEAST_REQUESTS = 20
LEAST_BUSY_SHARE = 0.05
"""With fewer requests and less work than this between two looks, what an idle event loop does would
distort the price."""
MOST_REFUSED_SHARE = 0.05
"""A refusal is cheap; a mean over many of them says little of a request that is computed."""
LEAST_SHARE = 0.2
"""Of the price as observed: what is left at least when what a full pod does not pay, an estimate,
is taken off."""
LEAST_IDLE_LOOKS, MOST_IDLE_LOOKS = 3, 10
"""Of which what a wake-up costs is known: the first seconds of a process are like no other."""
NEARLY_FULL = 0.9
"""Of the time the event loop is awake: from there on less and less is taken off, because what a
full pod pays is then seen."""


class EventLoopPrice:
    """CPU seconds of the event loop for each request when the pod is full. Includes the model's own
    work where that runs on the event loop.

    A request of a cheap model costs a third under load of what it costs alone, for two reasons that
    can be seen at any load. Requests that come together share a turn of the loop (`Turns`), and on
    a full pod one waits on each connection. And a wake-up is expensive: caches are cold, and the
    first request after one pays for that. What wake-ups cost is seen while no requests come; it is
    taken off as far as the event loop is what the pod's CPU time goes to, because so far it will
    be busy when the pod is full. An idle loop does more than waking up (metrics are read, versions
    are looked for): what a wake-up costs is the least that was seen in several idle seconds.
    """

    def __init__(self, turns: Turns | None = None) -> None:
        self.seconds = 0.0
        """0 while nothing is known."""
        self.seconds_of_core = 0.0
        """With what the thread waits for a CPU: beside neighbours its core is not all its own."""
        self._turns = turns or Turns()
        self._requests = self._refusals = 0
        self._per_request = DecayedRatio()
        self._per_wakeup: deque[float] = deque(maxlen=MOST_IDLE_LOOKS)
        self._waited = DecayedRatio()

    def count(self) -> None:
        """A request arrived."""
        self._turns.arrive()
        self._requests += 1

    def count_answer(self) -> None:
        """A request was answered."""
        self._turns.depart()

    def count_refusal(self) -> None:
        """A request was refused before its body was read."""
        self._refusals += 1

    def learn(self, elapsed: Elapsed, company: float = 1.0) -> None:
        """From the requests that were counted since the last call. On a full pod, `company`
        requests at least are answered in one turn of the loop.
        """
        requests, refusals = self._requests, self._refusals
        self._requests = self._refusals = 0
        turns = self._turns.look(elapsed.wall)
        is_busy = elapsed.event_loop_cpu >= LEAST_BUSY_SHARE * elapsed.wall
        if not requests and not is_busy and elapsed.wakeups:
            self._per_wakeup.append(elapsed.event_loop_cpu / elapsed.wakeups)
        is_mixed = self.seconds > 0 and refusals > MOST_REFUSED_SHARE * requests
        if requests and (is_busy or requests >= LEAST_REQUESTS) and not is_mixed:
            taken_off = 1.0 - self._share_when_full(elapsed, requests, turns, company)
            share = 1.0 - taken_off * _room(elapsed)
            self._per_request.add(share * elapsed.event_loop_cpu, requests, elapsed.wall)
            self._waited.add(elapsed.event_loop_waited, elapsed.event_loop_cpu, elapsed.wall)
            self.seconds = self._per_request.value
            self.seconds_of_core = self.seconds * (1 + self._waited.value)

    def _share_when_full(
        self, elapsed: Elapsed, requests: int, turns: TurnCosts, company: float
    ) -> float:
        """Of the CPU seconds observed: what the same requests would cost on a pod that is full."""
        observed = elapsed.event_loop_cpu
        if not turns.count or observed <= 0:
            return 1.0
        of_process = min(1.0, observed / elapsed.process_cpu) if elapsed.process_cpu > 0 else 0.0
        is_known = len(self._per_wakeup) >= LEAST_IDLE_LOOKS
        per_wakeup = min(min(self._per_wakeup), turns.of_request(1)) if is_known else 0.0
        wakeups = of_process * min(elapsed.wakeups, turns.count) * per_wakeup
        seen, awake = requests / turns.count, turns.less(wakeups / turns.count)
        alone = awake.of_request(seen)
        share = awake.of_request(max(seen, company)) / alone if alone > 0 else 1.0
        return max(LEAST_SHARE, share * (1.0 - wakeups / observed))


def _room(elapsed: Elapsed) -> float:
    """1 where the event loop sleeps more than it has to be nearly full, 0 where it never does. A
    CPU that is used up says less: half of a full pod's requests can take nine tenths of it.
    """
    awake = (elapsed.event_loop_cpu + elapsed.event_loop_waited) / elapsed.wall
    return min(1.0, max(0.0, (1.0 - awake) / (1.0 - NEARLY_FULL)))
