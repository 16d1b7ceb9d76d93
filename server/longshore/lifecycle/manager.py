"""Keeps what is served in line with the volume: loads what appears, unloads what is gone.

A new version is loaded, proven, calibrated and warmed beside the old one; only when it is ready
does the default move to it, in one step, and the old one drains.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from longshore.errors import ArtifactChanged, ModelConfigError, ModelLoadError, NoDeviceMemory
from longshore.lifecycle.candidate_spread import CandidateSpread
from longshore.lifecycle.crash_marks import CrashMarks
from longshore.lifecycle.due_versions import DueVersions
from longshore.lifecycle.progress_log import ProgressLog
from longshore.lifecycle.refusals import WHOLE_MODEL, Refusal
from longshore.lifecycle.repeated_measurement import RepeatedMeasurement
from longshore.lifecycle.served_version import ServedVersion
from longshore.lifecycle.served_versions import ServedVersions
from longshore.lifecycle.state import ModelState
from longshore.lifecycle.trial.trials import Trials
from longshore.lifecycle.trial.verdict import FailureKind, TrialFailed
from longshore.lifecycle.unloading import Unloading
from longshore.lifecycle.version_loader import Candidate, ServingOptions, VersionLoader
from longshore.lifecycle.worker_threads import WorkerThreads
from longshore.loading.load_options import LoadOptions
from longshore.metrics import ServerMetrics
from longshore.repository import version_policy
from longshore.repository.layout import Artifact, ModelRepository, Scan
from longshore.repository.model_config import ModelConfig

logger = logging.getLogger(__name__)


class ModelManager:
    """Lives on the event loop; what touches the volume or computes runs on `workers`."""

    def __init__(
        self,
        repository: ModelRepository,
        metrics: ServerMetrics,
        *,
        load_options: LoadOptions,
        serving_options: ServingOptions,
        trials: Trials | None = None,
        marks: CrashMarks | None = None,
        spread: CandidateSpread | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.workers = WorkerThreads()
        self.served = ServedVersions(
            repository.model_name(), metrics, load_options.device_health, clock=clock
        )
        self._repository = repository
        self._progress_log = ProgressLog(self.served.progress)
        self._loader = VersionLoader(
            metrics,
            self.workers,
            load_options=load_options,
            serving_options=serving_options,
            trials=trials,
            marks=marks,
            clock=clock,
        )
        self._may_replace = serving_options.may_replace
        self._unload_timeout_seconds = serving_options.unload_timeout_seconds
        self._unloading = Unloading(self.workers)
        self._refreshing = asyncio.Lock()
        self._is_stopped = False
        """By `unload`, until `load`."""
        self._spread = spread or CandidateSpread(0.0)
        self._repeated_measurement = RepeatedMeasurement(clock)
        self._due = DueVersions(self.served, self._loader.marks, self._spread)

    async def refresh(self) -> None:
        """Look at the volume and bring what is served in line with it. What is wrong there is
        refused and told, never raised, and never disturbs what is served.
        """
        if self._is_stopped:
            return
        async with self._refreshing, self._progress_log.ticking():
            try:
                await self._follow_volume()
            except (ModelLoadError, ModelConfigError) as error:
                self._refuse_all(str(error))
            except Exception as error:
                logger.exception("unexpected error while looking at the volume")
                self._refuse_all(f"{type(error).__name__} while looking at the volume")
            finally:
                self.served.progress.end()

    async def load(self) -> None:
        """End an `unload`, and `refresh`; what was refused is tried again."""
        self._is_stopped = False
        async with self._refreshing:
            await self.workers.run(self._loader.marks.forget)
            self.served.refusals.forget_tried()
        await self.refresh()

    async def unload(self) -> None:
        """Stop serving, and look at the volume no more until `load`."""
        self._is_stopped = True
        async with self._refreshing:
            await self.close(self._unload_timeout_seconds)

    async def close(self, timeout_seconds: float) -> bool:
        """Drain and unload every version; false when one did not end in time."""
        self.served.default = None
        for served in list(self.served.by_number.values()):
            if served.state is ModelState.READY:
                self._unloading.start(served, timeout_seconds)
        return await self._unloading.wait(timeout_seconds + 1)

    async def _follow_volume(self) -> None:
        await self._serve_newest()
        if self._due.end_suspicion():
            await self._serve_newest()

    async def _serve_newest(self) -> None:
        scan = await self._scan()
        while new := self._newly_due(scan):
            reserved = len(self._due.reserve)
            loaded = [await self._load(artifact, scan.config) for artifact in new]
            if all(loaded) or 0 < reserved < len(self._due.reserve):
                break
            scan = await self._scan()  # the next in place of one that cannot be served
        wanted = {artifact.version for artifact in scan.artifacts}
        wanted |= await self._use_reserve(version_policy.limit(scan.config.version_policy))
        await self._measure_again(scan.config)
        self._choose_default(wanted)

    async def _measure_again(self, config: ModelConfig) -> None:
        """One version at most; it takes the place of itself as one whose files were replaced."""
        for served in list(self.served.by_number.values()):
            if served.is_ready and served.model and self._repeated_measurement.is_due(served.model):
                candidate = await self._loader.measure_again(
                    served.artifact, config, self.served.progress
                )
                if candidate is not None:
                    self._serve(candidate)
                return

    async def _use_reserve(self, limit: int | None) -> set[str]:
        """Serve what was not seen to run, the newest `limit`, when nothing else serves: people
        expect their only version to be tried. Returns what is served so.
        """
        reserve = sorted(
            self._due.reserve.values(), key=lambda c: int(c.served.version), reverse=True
        )
        self._due.reserve.clear()
        if self.served.ready:
            for candidate in reserve:
                await self._hold(candidate)
            return set()
        used = reserve[:limit]
        for candidate in used:
            self._serve(candidate)
        for candidate in reserve[len(used) :]:
            self._drop(candidate.served)
            await self._loader.discard(candidate)
        return {candidate.served.version for candidate in used}

    async def _scan(self) -> Scan:
        self.served.progress.start("looking at the volume")
        scan = await self.workers.run(
            self._repository.scan, self._due.is_passed_over, is_beside_work=bool(self.served.ready)
        )
        self.served.settling = tuple(
            f"version {p.version}: {p.message}" for p in scan.problems if p.is_temporary
        )
        self.served.refusals.after_look(
            [Refusal.of_problem(p) for p in scan.problems if not p.is_temporary],
            tried={*scan.passed_over, *(artifact.version for artifact in scan.artifacts)},
        )
        return scan

    def _newly_due(self, scan: Scan) -> list[Artifact]:
        due, waiting = self._due.of(scan)
        self.served.settling += tuple(waiting)
        return due

    def _refuse_all(self, reason: str) -> None:
        self.served.settling = ()
        self.served.refusals.refuse(Refusal(WHOLE_MODEL, reason))

    async def _load(
        self, artifact: Artifact, config: ModelConfig, *, is_tried: bool = False
    ) -> bool:
        """Load beside what is served; false when another is to be tried in its place."""
        served = ServedVersion(artifact)
        previous = self.served.by_number.get(artifact.version)
        if previous is None or not previous.is_ready:
            self.served.by_number[artifact.version] = served
        self.served.create_metrics(artifact.version)
        try:
            candidate = await self._loader.load(
                served,
                config,
                self.served.progress,
                beside=self.served.newest_ready,
                is_tried=is_tried,
            )
        except ArtifactChanged as error:
            self._look_again(served, str(error))
            return True
        except (ModelLoadError, ModelConfigError) as error:
            if isinstance(error, TrialFailed) and error.kind is FailureKind.STARVED:
                self._spread.postpone(artifact, f"because {error}")
                self._look_again(served, str(error))
                return True
            if self._may_make_room(error):
                await self._make_room(served, str(error))
                return await self._load(artifact, config, is_tried=True)
            self._refuse(served, config, str(error))
            return False
        except Exception as error:
            logger.exception("unexpected error while loading")
            self._refuse(served, config, f"{type(error).__name__} while loading")
            return False
        return await self._place(candidate)

    def _may_make_room(self, error: Exception) -> bool:
        is_short = isinstance(error, NoDeviceMemory)
        if isinstance(error, TrialFailed):
            is_short = error.kind is FailureKind.MEMORY and error.fits_alone
        return is_short and self._may_replace and bool(self.served.ready)

    async def _make_room(self, served: ServedVersion, reason: str) -> None:
        """Let what serves go before `served` is tried again: nothing is served until then."""
        logger.warning(
            "letting go what serves: name=%s version=%s %s",
            self.served.name,
            served.version,
            reason,
        )
        self._drop(served)
        await self.close(self._unload_timeout_seconds)

    async def _place(self, candidate: Candidate) -> bool:
        """Only a version that can answer takes another's place, in one step."""
        if candidate.may_replace:
            self._serve(candidate)
            return True
        if self.served.ready:
            await self._hold(candidate)
        else:
            self._due.reserve[candidate.served.version] = candidate
        return False

    def _serve(self, candidate: Candidate) -> None:
        version, table = candidate.served.version, self.served.by_number
        previous = table.get(version)
        was_ready = previous is not None and previous.state is ModelState.READY
        self._loader.serve(candidate)
        table[version] = candidate.served
        self.served.refusals.end(version)
        if previous is not None and was_ready:
            self._unloading.start(previous, self._unload_timeout_seconds)

    async def _hold(self, candidate: Candidate) -> None:
        await self._loader.discard(candidate)
        reason = (
            f"{candidate.loaded.run_problem}; what serves stays until this version runs on a "
            f"recorded input (`samples.json` beside it, or `model_warmup` in config.yaml), or its "
            f"owner vouches for it (`parameters: {{startup: vouched}}` in config.yaml)"
        )
        self._refuse(candidate.served, candidate.config, reason, ModelState.HELD)

    def _look_again(self, served: ServedVersion, reason: str) -> None:
        """What was loaded is there no more, and what is there was not loaded."""
        logger.info(
            "loading again: name=%s version=%s %s", self.served.name, served.version, reason
        )
        self._drop(served)
        self.served.settling = (*self.served.settling, f"version {served.version}: {reason}")

    def _refuse(
        self,
        served: ServedVersion,
        config: ModelConfig,
        reason: str,
        state: ModelState = ModelState.FAILED,
    ) -> None:
        served.move(state)
        self._drop(served)
        self.served.refusals.refuse(Refusal.of_artifact(served.artifact, config, reason, state))

    def _drop(self, served: ServedVersion) -> None:
        if self.served.by_number.get(served.version) is served:
            del self.served.by_number[served.version]

    def _choose_default(self, wanted: set[str]) -> None:
        """Move the default to the newest ready version that is wanted; unload what is not."""
        table = self.served.by_number
        ready = [s for number, s in table.items() if number in wanted and s.is_ready]
        if not ready:
            return
        self.served.default = max(ready, key=lambda served: int(served.version))
        for number, served in list(table.items()):
            if number not in wanted and served.state is ModelState.READY:
                self._unloading.start(served, self._unload_timeout_seconds)
