"""One running pod, from its first request to its knee and beyond it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from longshore_k8s.capacity.client_process import ClientProcess
from longshore_k8s.capacity.drift import Drift
from longshore_k8s.capacity.measured import Confirmation, Measured, Overload
from longshore_k8s.capacity.memory_peak import MemoryPeak
from longshore_k8s.capacity.objective import Objective
from longshore_k8s.capacity.pace import Pace
from longshore_k8s.capacity.payloads import Payload, rows_of
from longshore_k8s.capacity.pod_model import PodModel, fitted_to
from longshore_k8s.capacity.readings import Change, Readings
from longshore_k8s.capacity.search import Knee, KneeSearch
from longshore_k8s.capacity.step import Step
from longshore_k8s.capacity.unsound import UnsoundError
from longshore_k8s.capacity.watched_load import Pod, Watched, WatchedLoad

LEAST_CONNECTIONS, MOST_CONNECTIONS = 8, 256
OVERLOAD = 1.5
"""Times the knee."""
IDLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Task:
    """What is measured, and how."""

    objective: Objective
    payloads: Sequence[Payload]
    rows: int
    seed: int = 1
    is_noise_allowed: bool = False
    pace: Pace = field(default_factory=Pace)


class PodMeasurement:
    """`tell` is told what is done, `record` what each step gave."""

    def __init__(
        self,
        pod: Pod,
        client: ClientProcess,
        task: Task,
        *,
        peak: MemoryPeak,
        tell: Callable[[str], None],
        record: Callable[[dict[str, Any]], None],
    ) -> None:
        self._pod = pod
        self._client = client
        self._task = task
        self._peak = peak
        self._tell = tell
        self._load = WatchedLoad(
            pod, client, task.objective, 1000 * task.seed, task.is_noise_allowed, tell, record
        )

    def run(self) -> Measured:
        """
        Raises:
            UnsoundError: there is no number that could be trusted.
        """
        pod, task = self._pod, self._task
        metadata = pod.model.metadata()
        idle_seconds = pod.model.idle_seconds(task.payloads[0])
        self._require_unthrottled()
        memory_start = pod.working_set() or 0
        model = pod.model.model(metadata, rows_of(task.payloads, task.rows))
        connections = _connections(model)
        burst_rate = self._burst(connections)
        model = fitted_to(model, burst_rate=burst_rate, idle_seconds=idle_seconds)
        knee = KneeSearch(
            self._load, model, task.objective, pace=task.pace,
            is_noise_allowed=task.is_noise_allowed, tell=self._tell,
        ).find()  # fmt: skip
        drift = Drift(burst_rate, self._burst(connections))
        near = self._load.of(knee.confirmation)
        overload, last = self._overload(knee)
        found = self._measured(knee, near, overload)
        return replace(
            found,
            knee_low=knee.low / drift.factor,
            knee_high=knee.high * drift.factor,
            burst_rate=drift.before,
            burst_rate_after=drift.after,
            idle_seconds=idle_seconds,
            memory_start=memory_start,
            memory_peak=max(self._peak.bytes, memory_start),
            probe_seconds=max(
                watched.change.after.answer_seconds for watched in [*self._load.watched, last]
            ),
            longest_batch_seconds=model.execution_seconds[-1] * max(1.0, knee.scale),
            model={name: metadata[name] for name in ("name", "platform", "parameters")},
            steps=tuple(watched.document(task.objective) for watched in self._load.watched),
        )

    def _burst(self, connections: int) -> float:
        """Results per second of a closed load: as fast as the pod can be."""
        seconds = self._task.pace.burst_seconds
        self._tell(f"closed burst of {seconds:g} s")
        rate = self._client.closed_load(seconds, connections)
        if not rate:
            raise UnsoundError("a closed load had no result: every request was refused or failed")
        return rate

    def _measured(self, knee: Knee, near: Watched, overload: Overload) -> Measured:
        objective, step = self._task.objective, knee.confirmation
        seconds = step.percentile(objective.percentile)
        return Measured(
            knee_low=knee.low,
            knee=knee.rate,
            knee_high=knee.high,
            scale=knee.scale,
            doubts=knee.doubts,
            shape=knee.shape,
            confirmation=Confirmation(
                step.rate, step.count, int(step.is_late(objective).sum()), step.lost,
                seconds if seconds != float("inf") else None, step.lag_p99,
            ),
            overload=overload,
            burst_rate=0.0,
            idle_seconds=0.0,
            utilization=near.change.utilization * knee.rate / step.rate,
            bound_by=near.change.bound_by,
            throttled_share=near.change.throttled_share,
            cpus_used=near.cpus,
            memory_start=0,
            memory_peak=0,
            probe_seconds=0.0,
            longest_batch_seconds=0.0,
        )  # fmt: skip

    def _overload(self, knee: Knee) -> tuple[Overload, Watched]:
        rate = OVERLOAD * knee.rate
        step = self._load.run("overload", rate, round(rate * self._task.pace.overload_seconds))
        return _counted(step), self._load.of(step)

    def _require_unthrottled(self) -> None:
        before = Readings.of(self._pod.management)
        time.sleep(IDLE_SECONDS)
        change = Change(before, Readings.of(self._pod.management))
        throttled = change.after.throttled - change.before.throttled
        if throttled > 0:
            raise UnsoundError(
                f"a throttled pod: its CPU quota was used up in {throttled:.0f} periods of a second"
                " without a request; give it more CPU, or find what runs in it"
            )


def _counted(step: Step) -> Overload:
    return Overload(step.rate, int(step.is_answered.sum()), step.refused, step.lost)


def _connections(model: PodModel) -> int:
    """Twice what all instances take at once: none of them ever waits."""
    wanted = 2 * model.instances * len(model.execution_seconds)
    return min(MOST_CONNECTIONS, max(LEAST_CONNECTIONS, wanted))
