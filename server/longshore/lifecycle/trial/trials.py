"""Trying a version before the process that serves loads it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from longshore.cpu.quota import Quota
from longshore.execution.model import Model
from longshore.lifecycle.trial.room import Room, gibibytes
from longshore.loading.load_options import LoadOptions
from longshore.progress import Progress
from longshore.repository.artifact import Artifact
from longshore.repository.model_config import ModelConfig

if TYPE_CHECKING:  # most processes try nothing
    from longshore.lifecycle.trial.pace import SharedCpus
    from longshore.lifecycle.trial.request import ServingPlan, TrialRequest
    from longshore.lifecycle.trial.supervisor import Bounds, Passed, Supervisor

PACED_BUDGET = 8.0
"""Times the budget of a load that a trial may have at most where it is kept from running."""
EVENT_LOOP_CPUS = 1

logger = logging.getLogger(__name__)


class Trials:
    """`quota` returns the CPU quota that binds, `None` where none does; `room` the memory that is
    left, `None` without a limit.
    """

    def __init__(
        self,
        load_options: LoadOptions,
        *,
        seconds: float,
        quota: Callable[[], Quota | None],
        room: Callable[[], Room | None],
    ) -> None:
        self._load_options = load_options
        self._seconds = seconds
        self._quota = quota
        self._room = room
        self._stopped = threading.Event()
        self._trials: tuple[float, Supervisor | None] = (0.0, None)
        """CPU seconds of those that have ended, and the one that goes on; replaced as a whole."""

    def stop(self) -> None:
        """End a trial that is under way; nobody waits for it any more."""
        self._stopped.set()

    def cpu_seconds(self) -> float:
        """Of all trials so far: CPUs that the server can have back at once."""
        ended, current = self._trials
        return ended + (0.0 if current is None else current.cpu_seconds)

    def run(
        self, artifact: Artifact, config: ModelConfig, beside: Model | None, progress: Progress
    ) -> Passed:
        """Blocks; `beside` answers requests meanwhile.

        Raises:
            TrialFailed, ArtifactChanged, TrialStopped: as `Supervisor.run`.
        """
        from longshore.lifecycle.trial.request import TrialRequest
        from longshore.lifecycle.trial.supervisor import Bounds

        self._stopped.clear()
        size = self.demand_room_for(artifact)
        if beside is not None:
            self._demand_device_room(beside, size)
        working = beside if beside is not None and beside.has_worked() else None
        shared = None if working is None else self._shared(working)
        options = self._options(None if shared is None else shared.quota)
        serving = None if working is None else _serving_plan(working, options)
        request = TrialRequest(artifact, config, options, serving)
        bounds = Bounds(self._seconds, self._room(), shared, size)
        passed = self._run(request, bounds, progress)
        self.demand_room(passed.needed_bytes)
        return passed

    def _run(self, request: TrialRequest, bounds: Bounds, progress: Progress) -> Passed:
        """At the lowest priority; where that gets no CPU beside clients' work, with a share."""
        from longshore.lifecycle.trial.verdict import FailureKind, TrialFailed

        try:
            return self._run_once(request, bounds, progress)
        except TrialFailed as error:
            if error.kind is not FailureKind.STARVED or bounds.shared is None:
                raise
            logger.info("trying again with a share of the CPUs: reason=%s", error)
        return self._run_once(request, replace(bounds, is_starved=True), progress)

    def _run_once(self, request: TrialRequest, bounds: Bounds, progress: Progress) -> Passed:
        from longshore.lifecycle.trial.supervisor import Supervisor

        supervisor = Supervisor(request, bounds, progress, self._stopped)
        self._trials = (self._trials[0], supervisor)
        try:
            return supervisor.run()
        finally:
            self._trials = (self.cpu_seconds(), None)

    def _shared(self, working: Model) -> SharedCpus:
        from longshore.lifecycle.trial.pace import SharedCpus

        plan = working.loaded.plan
        threads = plan.instances * plan.threads + EVENT_LOOP_CPUS
        most_cpus = min(threads, len(os.sched_getaffinity(0)))
        return SharedCpus(self._load_options.cpus, self._quota(), most_cpus)

    def _demand_device_room(self, beside: Model, needed_bytes: int) -> None:
        """Nor unless the GPU on which `beside` runs has that much."""
        memory = beside.backend.device_memory()
        if memory is not None and needed_bytes > memory.free:
            from longshore.lifecycle.trial.verdict import FailureKind, TrialFailed

            raise TrialFailed(
                f"needs {gibibytes(needed_bytes)} of device memory: {memory}",
                FailureKind.MEMORY,
                fits_alone=needed_bytes < memory.total,
            )

    def demand_room_for(self, artifact: Artifact) -> int:
        """Its bytes; raises `TrialFailed` unless as much memory is free."""
        size = _size(artifact)
        self.demand_room(size)
        return size

    def demand_room(self, needed_bytes: int) -> None:
        """Raises `TrialFailed` unless that much memory is free."""
        room = self._room()
        if room is not None and needed_bytes > room.free_bytes:
            from longshore.lifecycle.trial.verdict import FailureKind, TrialFailed

            limit = room.limit_bytes
            raise TrialFailed(
                room.refusal(needed_bytes, is_all=True),
                FailureKind.MEMORY,
                fits_alone=limit is None or needed_bytes < limit,
            )

    def _options(self, quota: Quota | None) -> LoadOptions:
        if quota is None:
            return self._load_options
        longer = min(PACED_BUDGET, max(1.0, 6.0 / quota.cpus))
        budget = longer * self._load_options.calibration_budget_seconds
        return replace(self._load_options, calibration_budget_seconds=budget)


def _size(artifact: Artifact) -> int:
    """Bytes; 0 for what is gone by now, which the trial will tell."""
    total = 0
    for name in artifact.files or (artifact.path.name,):
        try:
            total += (artifact.directory / name).stat().st_size
        except OSError:
            continue
    return total


def _serving_plan(model: Model, options: LoadOptions) -> ServingPlan | None:
    from longshore.lifecycle.trial.request import ServingPlan

    loaded = model.loaded
    if loaded.backends[0].device.kind != "cpu":
        return None
    return ServingPlan(
        loaded.artifact.version,
        loaded.signature,
        loaded.plan,
        options.with_config(loaded.config),
    )
