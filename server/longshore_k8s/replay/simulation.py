"""A load on pods that an autoscaler counts: many seeds, and many plans, in one run.

Each row is one plan with one seed. All rows sync at the same steps; their loads begin at different
moments of a sync instead, and every pod has a scrape phase of its own. Nobody knows the phases of a
real cluster, which is why one seed says little.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from longshore_k8s.replay import adapter, keda
from longshore_k8s.replay.autoscaler import Autoscaler
from longshore_k8s.replay.balance import Balance
from longshore_k8s.replay.controller import Controller, Decision
from longshore_k8s.replay.fleet import Fleet, Life
from longshore_k8s.replay.outcome import Outcome, Tally, perfect_hours
from longshore_k8s.replay.pod_queue import PodCapacity, Queues
from longshore_k8s.replay.pods import Counts, Flags, Pods, Ratios, group
from longshore_k8s.replay.proposals import Proposal, average_value, external_average
from longshore_k8s.replay.scrape import Scrapes
from longshore_k8s.replay.trace import Trace

SYNC_MS = 15_000
"""`--horizontal-pod-autoscaler-sync-period`, as shipped."""
STEPS_OF_A_SYNC = 5
DRAWN_STEPS = 1_000
LEAD_SECONDS = 60
"""Beside the window: pods have samples when the trace begins."""
NANOSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is the same for all plans of a run."""

    trace: Trace
    capacity: PodCapacity
    life: Life
    is_keda: bool
    scrape_ms: int
    window_ms: int
    connection_seconds: float
    polling_seconds: int | None = None
    """Between KEDA's own looks, which change nothing here: the HPA has it ask at each sync."""
    sync_ms: int = SYNC_MS
    """A multiple of 5."""

    @property
    def step_ms(self) -> int:
        """For which a load is even."""
        return self.sync_ms // STEPS_OF_A_SYNC


@dataclass(frozen=True, slots=True)
class Sync:
    """What the controller was given and gave at one sync, for `explain`."""

    now: int
    """Milliseconds since the run began."""
    seconds: Ratios
    """Of each row since its trace began."""
    current: Counts
    pods: Pods
    keys: tuple[str, ...]
    readings: list[tuple[Counts, Flags]]
    proposals: list[Proposal]
    decision: Decision
    controller: Controller
    offered: Ratios
    """Requests per second of the last step."""


Watch = Callable[[Sync], None]


def simulate(
    conditions: Conditions, plans: Sequence[Autoscaler], seeds: int, watch: Watch | None = None
) -> list[Outcome]:
    """An outcome for each plan; the same arguments give the same numbers."""
    run = _Run(conditions, plans, seeds)
    while run.now < run.end:
        if run.now % conditions.sync_ms == 0:
            run.sync(watch)
        run.step()
    return run.outcomes()


class _Run:
    def __init__(self, conditions: Conditions, plans: Sequence[Autoscaler], seeds: int) -> None:
        self._conditions = conditions
        self._step_ms = conditions.step_ms
        self._plans = plans
        self._seeds = seeds
        rows = len(plans) * seeds
        autoscalers = [plan for plan in plans for _ in range(seeds)]
        slots = 2 * max(plan.maximum for plan in plans) + 2
        self._keys = tuple(sorted({key for plan in plans for key in plan.targets}))
        self._targets = [
            np.array([plan.targets[key] for plan in autoscalers], np.int64) for key in self._keys
        ]
        self._controller = Controller(autoscalers)
        self._fleet = Fleet(rows, slots, conditions.life, kept_ms=conditions.window_ms)
        self._queues = Queues(rows, slots, conditions.capacity)
        self._balance = Balance(rows, slots, connection_seconds=conditions.connection_seconds)
        self._scrapes = Scrapes(
            rows, slots, len(self._keys),
            interval_ms=conditions.scrape_ms, window_ms=conditions.window_ms,
        )  # fmt: skip
        self._counters = np.zeros((len(self._keys), rows, slots))
        self._tally = Tally(rows)
        self._arrivals = [np.random.default_rng([seed, 1]) for seed in range(seeds)]
        self._expected = self._drawn = np.zeros((0, seeds))
        self._last_expected = np.full(seeds, np.inf)
        self._growth = np.zeros(rows)
        self._phases = [np.random.default_rng([row % seeds, 2]) for row in range(rows)]
        self._lay_out_time(conditions, rows)
        self.now = 0
        self._spec = np.zeros(rows, np.int64)
        self._offered = np.zeros(rows)
        self._start_pods(autoscalers)

    def _lay_out_time(self, conditions: Conditions, rows: int) -> None:
        """When each row's trace begins, and the requests that have come until then and later."""
        trace = conditions.trace
        sync = conditions.sync_ms
        lead = -(-(conditions.window_ms + 1000 * LEAD_SECONDS) // sync) * sync
        late = np.array([np.random.default_rng([seed, 3]).random() for seed in range(self._seeds)])
        self._begins = (lead + sync * late) / 1000
        edges, sums = trace.cumulative()
        before = 2 * lead / 1000
        self._edges = np.concatenate([[-before], edges])
        self._sums = np.concatenate([[-before * trace.rates[0]], sums])
        self.end = int(lead + sync + 1000 * trace.seconds) // sync * sync
        self._row_begins = np.tile(self._begins, rows // self._seeds)

    def _start_pods(self, autoscalers: list[Autoscaler]) -> None:
        """As many as the autoscaler would have at the first rate, after a long time of it."""
        rate = float(self._conditions.trace.rates[0])
        for row, plan in enumerate(autoscalers):
            wanted = max(
                -(-self._work(key) * rate * 1000 // target) for key, target in plan.targets.items()
            )
            count = int(min(max(wanted, plan.minimum), plan.maximum))
            self._spec[row] = count
            for slot in self._fleet.create(row, count, 0, is_old=True):
                self._scrapes.begin(row, slot, 0, self._phases[row].random(2))
        self._counters[:, self._fleet.exists] = 1e6  # far from the counters' zero point

    def _work(self, key: str) -> float:
        """What a request adds to the counter of a metric, on a pod that is not busy."""
        capacity = self._conditions.capacity
        if key == "requestsPerSecond":
            return 1.0
        return (
            capacity.utilization / capacity.knee if key == "utilization" else capacity.idle_seconds
        )

    def step(self) -> None:
        """The load of the next step, on the pods that there are."""
        seconds = self._step_ms / 1000
        self._fleet.remove_gone(self.now)
        width = self._fleet.width
        ready = self._fleet.ready(self.now)
        requests = self._arriving()
        self._offered = requests / seconds
        arrivals = requests[:, None] * self._balance.step(ready, self._growth, seconds)
        refused, late = self._queues.step(arrivals, seconds)
        self._count(arrivals, seconds, width)
        turned_away = np.where(ready.any(axis=1), refused.sum(axis=1), requests)
        since = (self.now / 1000) - self._row_begins
        counts = (since >= 0) & (since < self._conditions.trace.seconds)
        pods = self._fleet.exists[:, :width].sum(axis=1)
        weight = np.where(counts, seconds, 0.0)
        self._tally.add(weight, pods, requests, turned_away, late.sum(axis=1))
        self.now += self._step_ms

    def _arriving(self) -> Ratios:
        """Poisson around the trace; plans of one seed get the same requests."""
        place = self.now // self._step_ms % DRAWN_STEPS
        if place == 0:
            self._expected, self._drawn = self._draw()
        expected = self._expected[place]
        earlier = self._last_expected
        self._last_expected = expected
        with np.errstate(divide="ignore", invalid="ignore"):
            growth = np.where(expected > earlier, 1 - earlier / expected, 0.0)
        self._growth = np.tile(growth, len(self._plans))
        return np.tile(self._drawn[place], len(self._plans))

    def _draw(self) -> tuple[Ratios, Ratios]:
        """Requests of the next steps, as the trace has them and as they come: steps x seeds."""
        edges = (self.now + self._step_ms * np.arange(DRAWN_STEPS + 1))[
            :, None
        ] / 1000 - self._begins
        expected = np.diff(np.interp(edges, self._edges, self._sums), axis=0)
        drawn = np.empty_like(expected)
        for seed, random in enumerate(self._arrivals):
            drawn[:, seed] = random.poisson(expected[:, seed])
        return expected, drawn

    def _count(self, arrivals: Ratios, seconds: float, width: int) -> None:
        """Add to the pods' counters, and let Prometheus see them."""
        before = self._counters[:, :, :width]
        after = before.copy()
        for index, key in enumerate(self._keys):
            after[index] += arrivals * self._work(key)
            if key == "concurrency":
                after[index] += self._queues.waiting[:, :width] * seconds
        self._scrapes.take(self.now, self.now + self._step_ms, before, after)
        self._counters[:, :, :width] = after

    def sync(self, watch: Watch | None) -> None:
        """One sync of every row's controller, and what its Deployment does at once."""
        rows = np.ones(len(self._spec), bool)
        now = np.full(len(self._spec), self.now * NANOSECONDS)
        pods = self._fleet.pods(self.now)
        readings = [self._read(index) for index in range(len(self._keys))]
        proposals = [
            self._propose(target, reading, pods, now)
            for target, reading in zip(self._targets, readings, strict=True)
        ]
        decision = self._controller.sync(rows, now, self._spec, proposals)
        seconds = self.now / 1000 - self._row_begins
        if watch is not None:
            watch(
                Sync(
                    self.now,
                    seconds,
                    self._spec,
                    pods,
                    self._keys,
                    readings,
                    proposals,
                    decision,
                    self._controller,
                    self._offered,
                )
            )
        self._rescale(decision, seconds)

    def _read(self, index: int) -> tuple[Counts, Flags]:
        """One metric: rows x pods of an adapter, or a sum for each row of KEDA."""
        rates, has_rate = self._scrapes.rates(index, self.now, self._fleet.width)
        if not self._conditions.is_keda:
            return adapter.pod_values(rates), has_rate & self._fleet.running(self.now)
        sums: Ratios = np.where(has_rate, rates, 0.0).sum(axis=1)
        return keda.external_values(sums), np.logical_or.reduce(has_rate, axis=1)

    def _propose(
        self, target: Counts, reading: tuple[Counts, Flags], pods: Pods, now: Counts
    ) -> Proposal:
        values, has_value = reading
        held = self._controller.tolerances
        if self._conditions.is_keda:
            return external_average(self._fleet.live, target, values, ~has_value, held)
        groups = group(pods, has_value, None, now)
        return average_value(self._spec, target, values, groups, has_value, pods, held)

    def _rescale(self, decision: Decision, seconds: Ratios) -> None:
        change = decision.count - self._spec
        for row in np.flatnonzero(change):
            self._change_pods(int(row), int(change[row]))
        counts = (seconds >= 0) & (seconds < self._conditions.trace.seconds)
        self._spec = decision.count
        self._tally.rescaled((change != 0) & counts, change, self.now)
        self._tally.replicas.append(decision.count.astype(np.int16))
        self._tally.times.append(self.now)

    def _change_pods(self, row: int, change: int) -> None:
        fleet = self._fleet
        if change < 0:
            for slot in fleet.delete(row, -change, self.now):
                self._scrapes.end(row, slot, int(fleet.gone_at[row, slot]))
            return
        for slot in fleet.create(row, change, self.now):
            self._counters[:, row, slot] = 0.0
            self._queues.waiting[row, slot] = 0.0
            self._balance.shares[row, slot] = 0.0
            running = int(fleet.running_at[row, slot])
            self._scrapes.begin(row, slot, running, self._phases[row].random(2))

    def outcomes(self) -> list[Outcome]:
        """For each plan; the syncs before the trace began are left out."""
        trace, tally = self._conditions.trace, self._tally
        durations = np.diff(np.append(trace.times, trace.seconds))
        perfect = perfect_hours(trace.rates, durations, self._conditions.capacity.knee)
        lead = float(self._begins.max())
        seconds = np.array(tally.times) / 1000 - lead
        replicas = np.stack(tally.replicas)[seconds >= 0]
        found = []
        for index in range(len(self._plans)):
            own = slice(index * self._seeds, (index + 1) * self._seeds)
            found.append(
                Outcome(
                    tally.pod_seconds[own] / 3600,
                    perfect,
                    tally.requests[own],
                    tally.late[own],
                    tally.refused[own],
                    tally.rescales[own],
                    tally.reversals[own],
                    seconds[seconds >= 0],
                    replicas[:, own],
                )
            )
        return found
