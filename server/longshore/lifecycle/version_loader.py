"""From an artifact to a version that answers: loaded, proven, measured, warmed up."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from longshore.errors import ModelConfigError, ModelLoadError
from longshore.execution.batch_execution import Execution
from longshore.execution.model import Model
from longshore.lifecycle.crash_marks import CrashMarks
from longshore.lifecycle.memory import give_back_memory
from longshore.lifecycle.served_version import ServedVersion
from longshore.lifecycle.state import ModelState
from longshore.lifecycle.trial.trials import Trials
from longshore.lifecycle.trial.verdict import TrialFailed, TrialStopped
from longshore.lifecycle.warmup import warm_up
from longshore.lifecycle.worker_threads import WorkerThreads
from longshore.loading.load_options import LoadOptions
from longshore.loading.loaded_model import Beside, LoadedModel
from longshore.loading.model_loader import load_model
from longshore.metrics import ServerMetrics
from longshore.progress import Progress
from longshore.repository.artifact import Artifact
from longshore.repository.model_config import ModelConfig

if TYPE_CHECKING:  # most processes try nothing
    from longshore.loading.records.trial_findings import TrialFindings

logger = logging.getLogger(__name__)

SILENT_SECONDS = 10.0
"""A load without progress for as long may hang: the next start begins with another version."""


class ServingOptions(Struct, frozen=True):
    """The settings that serving a loaded version obeys."""

    max_queue_seconds: float
    max_queue_delay_seconds: float | None
    unload_timeout_seconds: float
    may_replace: bool = False
    """A version may be let go to make room for the next."""
    on_execution: Callable[[Model, Execution], None] | None = None
    """Told of each execution of every version that serves."""


class Candidate(Struct, frozen=True):
    """A version that could serve."""

    served: ServedVersion
    loaded: LoadedModel
    config: ModelConfig
    warmup_seconds: float

    @property
    def may_replace(self) -> bool:
        """Whether it was seen to run, or its owner says that it does: else it takes no place of a
        version that serves.
        """
        return self.loaded.has_run or self.loaded.is_vouched


class VersionLoader:
    """Works on threads; begun and ended on the event loop."""

    def __init__(
        self,
        metrics: ServerMetrics,
        workers: WorkerThreads,
        *,
        load_options: LoadOptions,
        serving_options: ServingOptions,
        trials: Trials | None = None,
        marks: CrashMarks | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metrics = metrics
        self._workers = workers
        self._load_options = load_options
        self._serving_options = serving_options
        self._trials = trials
        self.marks = marks or CrashMarks(None)
        self._clock = clock

    async def load(
        self,
        served: ServedVersion,
        config: ModelConfig,
        progress: Progress,
        *,
        beside: Model | None = None,
        is_tried: bool = False,
    ) -> Candidate:
        """`beside` is ready meanwhile: what could harm it is tried in a process of its own first;
        so is what `is_tried` says.

        Raises:
        ModelLoadError, ModelConfigError: it cannot be served, as `load_model` and `warm_up`.
        """
        artifact = served.artifact
        progress.start(f"version {artifact.version}")
        logger.info("loading model: name=%s version=%s", artifact.model_name, artifact.version)
        suspect = await self._workers.run(self.marks.find, artifact, config)
        if suspect is not None and suspect.refusal:
            raise ModelLoadError(suspect.refusal)
        await self._workers.run(self.marks.begin, artifact, config)
        try:
            tried = None
            is_tried = is_tried or beside is not None or suspect is not None
            if self._trials is not None and is_tried:
                tried = await self._try(self._trials, served, config, progress, beside)
            elif self._trials is not None:
                await self._workers.run(self._trials.demand_room_for, artifact)
            candidate = await self._load(served, config, progress, beside, tried)
        except asyncio.CancelledError:  # the process ends; what was still at work did not hang
            if progress.silent_seconds < SILENT_SECONDS:
                self.marks.end(artifact, config)
            raise
        except Exception as error:
            dangerous = isinstance(error, TrialFailed) and error.is_dangerous
            reason = str(error) if dangerous else ""
            await self._workers.run(self.marks.end, artifact, config, reason)
            raise
        await self._workers.run(self.marks.end, artifact, config)
        return candidate

    async def measure_again(
        self, artifact: Artifact, config: ModelConfig, progress: Progress
    ) -> Candidate | None:
        """What serves, with the plan that another process finds when it measures alone; `None` when
        others disturbed it once more, or nothing can be tried now. Nothing is refused for it.
        """
        if self._trials is None:
            return None
        progress.start(f"measuring version {artifact.version} again")
        label = f"name={artifact.model_name} version={artifact.version}"
        try:
            passed = await self._workers.run(self._trials.run, artifact, config, None, progress)
            found = passed.findings
            if not found.is_kept and found.record.plan.source not in ("cached", "recorded"):
                logger.info("measured again, and disturbed again: %s", label)
                return None
            return await self._load(ServedVersion(artifact), config, progress, None, found)
        except asyncio.CancelledError:
            self._trials.stop()
            raise
        except (ModelLoadError, ModelConfigError, TrialStopped) as error:
            logger.info("not measured again: %s reason=%s", label, error)
            return None

    async def _load(
        self,
        served: ServedVersion,
        config: ModelConfig,
        progress: Progress,
        beside: Model | None,
        tried: TrialFindings | None,
    ) -> Candidate:
        """In this process."""
        artifact = served.artifact
        loaded = await self._workers.run(
            load_model,
            artifact,
            config,
            self._load_options,
            progress,
            beside=None if beside is None else Beside(beside.loaded, beside.has_worked),
            tried=tried,
        )
        served.move(ModelState.WARMING)
        try:
            warmup_seconds = await self._workers.run(
                warm_up,
                loaded,
                progress,
                is_beside_work=tried is not None and beside is not None,
                cpus=self._load_options.cpus,
            )
        except Exception:
            await self._workers.run(loaded.close)
            raise
        await self._workers.run(give_back_memory)
        return Candidate(served, loaded, config, warmup_seconds)

    async def _try(
        self,
        trials: Trials,
        served: ServedVersion,
        config: ModelConfig,
        progress: Progress,
        beside: Model | None,
    ) -> TrialFindings:
        artifact, metrics = served.artifact, self._metrics
        name, begun = artifact.model_name, self._clock()
        served.move(ModelState.TRYING)
        metrics.candidate_trying.labels(name).set(1)
        try:
            passed = await self._workers.run(trials.run, artifact, config, beside, progress)
        except asyncio.CancelledError:
            trials.stop()
            raise
        except TrialFailed as error:
            metrics.candidate_trials.labels(name, error.kind).inc()
            raise
        finally:
            metrics.candidate_trying.labels(name).set(0)
            metrics.candidate_trial_duration_seconds.labels(name).set(self._clock() - begun)
        metrics.candidate_trials.labels(name, "passed").inc()
        served.move(ModelState.LOADING)
        return passed.findings

    def serve(self, candidate: Candidate) -> None:
        """From now on it answers."""
        served, loaded = candidate.served, candidate.loaded
        options = self._serving_options
        served.model = Model(
            loaded,
            self._metrics,
            max_queue_seconds=options.max_queue_seconds,
            max_queue_delay_seconds=options.max_queue_delay_seconds,
            on_execution=options.on_execution,
            clock=self._clock,
        )
        served.model.start()
        served.move(ModelState.READY)
        self._tell(candidate)

    async def discard(self, candidate: Candidate) -> None:
        await self._workers.run(candidate.loaded.close)
        await self._workers.run(give_back_memory)

    def _tell(self, candidate: Candidate) -> None:
        loaded, metrics = candidate.loaded, self._metrics
        labels = (loaded.artifact.model_name, loaded.artifact.version)
        metrics.model_load_duration_seconds.labels(*labels).set(loaded.load_seconds)
        metrics.model_calibration_duration_seconds.labels(*labels).set(loaded.calibration_seconds)
        metrics.model_warmup_duration_seconds.labels(*labels).set(candidate.warmup_seconds)
        logger.info(
            "model ready: name=%s version=%s load_s=%.3f calibration_s=%.3f warmup_s=%.3f %s",
            *labels,
            loaded.load_seconds,
            loaded.calibration_seconds,
            candidate.warmup_seconds,
            _plan_facts(loaded),
        )


def _plan_facts(loaded: LoadedModel) -> str:
    plan = loaded.plan
    facts = (
        f"max_batch_size={plan.max_batch_size if plan.is_batched else 0} "
        f"instances={plan.instances} threads={plan.threads} inline={plan.is_inline} "
        f"calibration={plan.source}"
    )
    return facts + "".join(f"; {note}" for note in plan.notes)
