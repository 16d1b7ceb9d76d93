"""What the autoscaler reads: additive, counted on arrival, refusals included, never saturating.

A rate of completed requests stops growing where the pod is full; a rate of arriving work does not.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from longshore.execution.model import Model
from longshore.metrics import ServerMetrics
from longshore.tallies import Count, Distribution

OVERHEAD_WEIGHT = 0.2
LEAST_REQUESTS_PER_SAMPLE = 20
"""With fewer between two samples, idle work would distort the cost of a request."""


class TimeIntegral:
    """The integral over time of a level that is raised and lowered; read from any thread.

    What is read never falls: a fall is a reset to Prometheus, and a peak to the autoscaler.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._state = (0.0, 0, clock())
        self._reading = threading.Lock()
        self._last_read = 0.0

    @property
    def level(self) -> int:
        return self._state[1]

    def change(self, step: int) -> None:
        """Called by one thread alone, which takes no lock: two of these are a request."""
        now = self._clock()
        total, level, since = self._state
        # One assignment: a reader on another thread sees the old state or the new one, whole.
        self._state = (total + level * (now - since), level + step, now)

    def read(self) -> float:
        """Level times seconds since the start.

        The level may change between the two looks at state and clock, on either side: a reader
        then counts the old level for longer than it lasted. It stays at what it said until the
        integral has come as far.
        """
        with self._reading:
            total, level, since = self._state
            self._last_read = max(self._last_read, total + level * (self._clock() - since))
            return self._last_read


class RequestOverhead:
    """CPU seconds of the event loop per request: parsing, validating, encoding, sending.

    For a cheap model this is most of what a request costs, and the loop is what saturates.
    """

    def __init__(self, cpu_clock: Callable[[], float] = time.thread_time) -> None:
        self._cpu_clock = cpu_clock
        self._last_cpu = cpu_clock()
        self._requests = 0
        self.seconds = 0.0
        """Per request; includes the model's own work when it runs on the event loop."""

    def count(self) -> None:
        self._requests += 1

    def sample(self) -> None:
        """Look at the clock; called on the event loop at a steady interval."""
        cpu = self._cpu_clock()
        if self._requests >= LEAST_REQUESTS_PER_SAMPLE:
            cost = (cpu - self._last_cpu) / self._requests
            weight = OVERHEAD_WEIGHT if self.seconds else 1.0
            self.seconds += weight * (cost - self.seconds)
        self._last_cpu = cpu
        self._requests = 0


class ScalingSignal:
    """Counts the load on one model where it arrives; used on the event loop only."""

    def __init__(
        self,
        metrics: ServerMetrics,
        model_name: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        overhead: RequestOverhead | None = None,
    ) -> None:
        self._metrics = metrics
        self._model_name = model_name
        self._inflight = TimeIntegral(clock)
        self._offered = metrics.offered_work_seconds.labels(model_name)
        self._mean_rows = 1.0
        self._arrivals: dict[tuple[str, str], Count] = {}
        self._departures: dict[tuple[str, str], tuple[Count, Distribution]] = {}
        self.overhead = overhead or RequestOverhead()
        metrics.inflight_request_seconds.set_function((model_name,), self._inflight.read)
        metrics.inflight_requests.labels(model_name).set_function(lambda: self._inflight.level)

    @property
    def inflight(self) -> int:
        """Requests between arrival and answer."""
        return self._inflight.level

    def arrive(self, version: str, protocol: str) -> None:
        """A request came in; whatever becomes of it, it asked for capacity."""
        self._inflight.change(1)
        arrivals = self._arrivals.get((version, protocol))
        if arrivals is None:
            arrivals = self._metrics.requests.labels(self._model_name, version, protocol)
            self._arrivals[version, protocol] = arrivals
        arrivals.inc()
        self.overhead.count()

    def offer(self, model: Model, rows: int | None) -> None:
        """Add the capacity that a request asks for; `rows` is `None` when it was refused unread
        because there is too little: it is taken for one like the others.
        """
        if rows is None:
            rows_asked = self._mean_rows
        else:
            rows_asked = rows
            self._mean_rows += 0.05 * (rows - self._mean_rows)
        work = model.offered_seconds(rows_asked)
        self._offered.inc(max(work, self.overhead.seconds))

    def offer_refusal(self) -> None:
        """Add what refusing a request that could not be computed costs the event loop."""
        self._offered.inc(self.overhead.seconds)

    def depart(self, version: str, outcome: str, seconds: float) -> None:
        """The request is answered, or nobody waits for it any more."""
        self._inflight.change(-1)
        departures = self._departures.get((version, outcome))
        if departures is None:
            labels = (self._model_name, version, outcome)
            departures = (
                self._metrics.responses.labels(*labels),
                self._metrics.request_duration_seconds.labels(*labels),
            )
            self._departures[version, outcome] = departures
        responses, durations = departures
        responses.inc()
        durations.observe(seconds)
