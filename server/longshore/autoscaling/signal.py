"""What the autoscaler reads: additive, counted on arrival, refusals included, never saturating.

A rate of completed requests stops growing where the pod is full; a rate of arriving work does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from longshore.autoscaling.clocks import Clocks
from longshore.autoscaling.cost_reason import CostReasons
from longshore.autoscaling.event_loop_price import EventLoopPrice
from longshore.autoscaling.model_price import ModelPrice
from longshore.autoscaling.offered_work import RESOURCES, OfferedWork
from longshore.autoscaling.time_integral import TimeIntegral
from longshore.autoscaling.turns import Turns
from longshore.cpu.available import AvailableCpus
from longshore.execution.model import Model
from longshore.metrics import ServerMetrics
from longshore.tallies import Count, Distribution

ROWS_WEIGHT = 0.05
"""Of the newest request in the mean of rows (about the last 20 count)."""


class ScalingSignal:
    """Counts the load on one model where it arrives; used on the event loop only."""

    def __init__(
        self,
        metrics: ServerMetrics,
        model_name: str,
        cpus: AvailableCpus,
        *,
        clock: Callable[[], float] = time.monotonic,
        clocks: Clocks | None = None,
        turns: Turns | None = None,
    ) -> None:
        self._metrics = metrics
        self._model_name = model_name
        self._inflight = TimeIntegral(clock)
        self._work = OfferedWork()
        self._mean_rows = 1.0
        self._row_prices: dict[Model, tuple[float, float]] = {}
        self._arrivals: dict[tuple[str, str], Count] = {}
        self._departures: dict[tuple[str, str], tuple[Count, Distribution]] = {}
        self._cpus = cpus
        self._clocks = clocks or Clocks(metrics.predicted_compute_seconds.total)
        self.event_loop_price = EventLoopPrice(turns)
        self._model_price = ModelPrice()
        self._cost_reasons = CostReasons(metrics, cpus.limit, clock=clock)
        self._export()

    def _export(self) -> None:
        metrics, name, work = self._metrics, self._model_name, self._work
        metrics.inflight_request_seconds.set_function((name,), self._inflight.read)
        metrics.inflight_requests.labels(name).set_function(lambda: self._inflight.level)
        metrics.offered_work_seconds.set_function((name,), work.read)
        metrics.available_cpus.set_function(lambda: self._cpus.value)
        for resource in RESOURCES:
            read = partial(work.seconds_of, resource)
            metrics.offered_resource_seconds.set_function((name, resource), read)

    @property
    def inflight(self) -> int:
        """Requests between arrival and answer."""
        return self._inflight.level

    @property
    def mean_rows(self) -> float:
        """Of the last requests."""
        return self._mean_rows

    def resource_seconds(self) -> dict[str, float]:
        """What was asked of each resource since the start. Reading it changes nothing of what an
        autoscaler reads.
        """
        return {resource: self._work.seconds_of(resource) for resource in RESOURCES}

    def arrive(self, version: str, protocol: str) -> None:
        """A request came in; whatever becomes of it, it asked for capacity."""
        self._inflight.change(1)
        arrivals = self._arrivals.get((version, protocol))
        if arrivals is None:
            arrivals = self._metrics.requests.labels(self._model_name, version, protocol)
            self._arrivals[version, protocol] = arrivals
        arrivals.inc()
        self.event_loop_price.count()

    def offer(self, model: Model, rows: int) -> None:
        """Add what computing `rows` rows takes of each resource of the pod."""
        self._mean_rows += ROWS_WEIGHT * (rows - self._mean_rows)
        self._add(model, rows)

    def offer_unread(self, model: Model) -> None:
        """Add what a request asks for that was refused before its body was read, because there is
        too little: it is taken for one like the others.
        """
        self.event_loop_price.count_refusal()
        self._add(model, self._mean_rows)

    def offer_refusal(self) -> None:
        """Add what refusing a request that could not be computed costs the event loop."""
        price = self.event_loop_price
        self._work.add(price.seconds / self._cpus.value, price.seconds_of_core, 0.0)

    def sample(self, models: list[Model], *, connections: int, is_disturbed: bool) -> None:
        """Look at the clocks; called on the event loop at a steady interval, with the models that
        are served and the number of open connections, on each of which a request waits when the
        pod is full. `is_disturbed` says whether other work than requests takes CPU time, such as
        loading a version.
        """
        self._cpus.sample()
        elapsed = self._clocks.elapsed()
        batch = max((model.plan.max_batch_size for model in models), default=1)
        self.event_loop_price.learn(elapsed, company=min(connections, batch))
        self._model_price.learn(elapsed, is_working=self.inflight > 0, is_disturbed=is_disturbed)
        self._cost_reasons.show(models, self._model_price.seconds_per_second)
        self._row_prices.clear()

    def _add(self, model: Model, rows: float) -> None:
        loop = self.event_loop_price
        row_cpu, row_instances = self._row_prices.get(model) or self._price_row(model)
        self._work.add(
            loop.seconds / self._cpus.value + rows * row_cpu,
            loop.seconds_of_core,
            rows * row_instances,
        )

    def _price_row(self, model: Model) -> tuple[float, float]:
        """What a row takes of CPU and instances; it holds until the next look at the clocks."""
        cpus, plan = self._cpus.value, model.plan
        # At first the CPUs are taken to be as full as the instances at most: a device may compute.
        threads = 0.0 if plan.is_inline else min(plan.threads, cpus / plan.instances)
        cpu = self._model_price.seconds(model.predicted_seconds(1), threads) / cpus
        price = self._row_prices[model] = (cpu, model.instance_seconds(1))
        return price

    def depart(self, version: str, outcome: str, seconds: float) -> None:
        """The request is answered, or nobody waits for it any more."""
        self._inflight.change(-1)
        self.event_loop_price.count_answer()
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
