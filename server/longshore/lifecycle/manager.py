"""Which versions are served: loads what appears on the volume, unloads what is gone.

A new version is loaded, proven, calibrated and warmed beside the old one; only when it is ready
does the default move to it, in one step, and the old one drains.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from longshore.backends.base import Backend
from longshore.errors import ModelConfigError, ModelLoadError, ModelNotFound, ModelNotReady
from longshore.execution.model import Model
from longshore.lifecycle.memory import give_back_memory
from longshore.lifecycle.served_version import ServedVersion
from longshore.lifecycle.state import ModelState
from longshore.lifecycle.warmup import warm_up
from longshore.loading.load_options import LoadOptions
from longshore.loading.model_loader import LoadedModel, load_model
from longshore.metrics import ServerMetrics
from longshore.repository.layout import Artifact, ModelRepository, Scan
from longshore.repository.model_config import ModelConfig

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ServingOptions:
    """The settings that serving a loaded version obeys."""

    max_queue_seconds: float
    max_queue_delay_seconds: float | None
    unload_timeout_seconds: float


class ModelManager:
    """The versions of one model; lives on the event loop, loads on worker threads."""

    def __init__(
        self,
        repository: ModelRepository,
        metrics: ServerMetrics,
        *,
        load_options: LoadOptions,
        serving_options: ServingOptions,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = repository.model_name()
        self.versions: dict[str, ServedVersion] = {}
        self.problems: tuple[str, ...] = ()
        """What the last scan found wrong on the volume, a sentence each."""
        self.is_settling = True
        """Not looked yet, or files are being written: another look soon is worth it."""
        self._repository = repository
        self._metrics = metrics
        self._load_options = load_options
        self._serving_options = serving_options
        self._clock = clock
        self._default: ServedVersion | None = None
        self._unloading: set[asyncio.Task[None]] = set()
        self._refreshing = asyncio.Lock()
        self._is_held = False
        self.running_loads = 0
        """Threads at work on a load, those of a load that nobody waits for any more included."""

    @property
    def is_ready(self) -> bool:
        """The version that answers requests without a version in their path is able to."""
        return self._default is not None and self._default.is_ready and self.device_fault is None

    @property
    def device_fault(self) -> str | None:
        """Why this process cannot use its device any more; read from any thread."""
        return self._load_options.device_health.fault

    @property
    def backend(self) -> Backend | None:
        """That of the version that answers by default; read from any thread."""
        default = self._default
        model = None if default is None else default.model
        return None if model is None else model.backend

    @property
    def is_loading(self) -> bool:
        loading = (ModelState.LOADING, ModelState.WARMING)
        return self.is_settling or any(s.state in loading for s in self.versions.values())

    @property
    def ready_versions(self) -> list[str]:
        return [version for version, served in self.versions.items() if served.is_ready]

    @property
    def newest_version(self) -> str:
        """The version that requests without one mean, or will; empty when nothing is known."""
        if self._default is not None:
            return self._default.version
        return max(self.versions, key=int, default="")

    def get_ready(self, name: str, version: str | None = None) -> Model:
        """The model that answers requests for `name`, of the newest ready version by default.

        Raises:
            ModelNotFound: no such model or version.
            ModelNotReady: known, and loading, failed or draining.
        """
        served = self._default if version is None else self.versions.get(version)
        if name != self.name:
            raise ModelNotFound(f"unknown model '{name}'; this server serves '{self.name}'")
        if served is None:
            raise self._absent(version)
        if served.model is None or not served.is_ready:
            because = served.problem or f"version {served.version} is {served.state}"
            raise ModelNotReady(f"model '{name}' is not ready: {because}")
        return served.model

    def _absent(self, version: str | None) -> ModelNotFound | ModelNotReady:
        if version is None:
            reasons = "; ".join(self.describe_problems()) or "it is being loaded"
            return ModelNotReady(f"model '{self.name}' is not ready: {reasons}")
        ready = ", ".join(self.ready_versions) or "none"
        return ModelNotFound(
            f"unknown version '{version}' of model '{self.name}'; ready versions: {ready}"
        )

    def describe_problems(self) -> list[str]:
        """Why something is not served, a sentence for each reason."""
        failed = [served.problem for served in list(self.versions.values())]
        lost = [f"the device is lost: {self.device_fault}"] if self.device_fault else []
        return lost + [problem for problem in failed if problem] + list(self.problems)

    def describe_work(self) -> str:
        """What is being computed, as facts for a log line."""
        facts = [
            f"version_{served.version}_queued={served.model.queued_requests} "
            f"version_{served.version}_rows_inside={served.model.rows_inside}"
            for served in self.versions.values()
            if served.model is not None
        ]
        return " ".join(facts) or "no model"

    async def refresh(self) -> None:
        """Look at the volume and bring what is served in line with it.

        Raises:
            ModelLoadError: the volume holds no model at all.
            ModelConfigError: `config.yaml` has a mistake.
        """
        if self._is_held:
            return
        async with self._refreshing:
            scan = await self._scan()
            while new := [artifact for artifact in scan.artifacts if self._is_new(artifact)]:
                config = await asyncio.to_thread(self._repository.config)
                for artifact in new:
                    await self._load(artifact, config)
                if not self._given_up():
                    break
                scan = await self._scan()  # one that cannot be loaded leaves its place
            self.is_settling = any(problem.is_temporary for problem in scan.problems)
            self._choose_default(
                {artifact.version for artifact in scan.artifacts}, kept={*scan.passed_over}
            )

    async def _scan(self) -> Scan:
        scan = await asyncio.to_thread(self._repository.scan, self._given_up())
        self.problems = tuple(f"version {p.version}: {p.message}" for p in scan.problems)
        return scan

    def _given_up(self) -> list[Artifact]:
        return [s.artifact for s in self.versions.values() if s.state is ModelState.FAILED]

    async def load(self) -> None:
        """End an `unload`, and `refresh`."""
        self._is_held = False
        await self.refresh()

    async def unload(self) -> None:
        """Stop serving, and look at the volume no more until `load`."""
        self._is_held = True
        async with self._refreshing:
            await self.close(self._serving_options.unload_timeout_seconds)

    async def close(self, timeout_seconds: float) -> bool:
        """Drain and unload every version; false when one did not end in time."""
        self._default = None
        for served in list(self.versions.values()):
            if served.state is ModelState.READY:
                self._start_unloading(served, timeout_seconds)
        if self._unloading:
            await asyncio.wait(self._unloading, timeout=timeout_seconds + 1)
        return not self._unloading

    def _is_new(self, artifact: Artifact) -> bool:
        """Never seen, given up, or changed since (a lone file, a `..data` swap)."""
        served = self.versions.get(artifact.version)
        if served is None or served.state in (ModelState.UNLOADED, ModelState.DRAINING):
            return True
        return served.artifact != artifact

    async def _load(self, artifact: Artifact, config: ModelConfig) -> None:
        """Load beside what is served; only a version that is ready takes another's place."""
        served = ServedVersion(artifact)
        previous = self.versions.get(artifact.version)
        if previous is None or not previous.is_ready:
            self.versions[artifact.version] = served
        self._create_metrics(artifact.version)
        logger.info("loading model: name=%s version=%s", self.name, artifact.version)
        try:
            loaded = await self._on_thread(load_model, artifact, config, self._load_options)
            served.move(ModelState.WARMING)
            warmup_seconds = await self._on_thread(warm_up, loaded)
            await asyncio.to_thread(give_back_memory)
        except (ModelLoadError, ModelConfigError) as error:
            self._fail(served, str(error))
        except Exception as error:
            logger.exception("unexpected error while loading")
            self._fail(served, f"{type(error).__name__} while loading")
        else:
            self._serve(served, loaded, warmup_seconds)
            self.versions[artifact.version] = served
            if previous is not None and previous.state is ModelState.READY:
                self._start_unloading(previous, self._serving_options.unload_timeout_seconds)

    async def _on_thread(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        def run() -> T:
            try:
                return step(*args, **kwargs)
            finally:
                self.running_loads -= 1

        self.running_loads += 1
        return await asyncio.to_thread(run)

    def _create_metrics(self, version: str) -> None:
        """Gauges are read through this manager: a model that they held would never be freed."""

        def readiness() -> float:
            served = self.versions.get(version)
            return float(served is not None and served.is_ready and self.device_fault is None)

        def pending() -> float:
            served = self.versions.get(version)
            return 0.0 if served is None or served.model is None else served.model.queued_requests

        self._metrics.create_version(self.name, version)
        self._metrics.model_ready.labels(self.name, version).set_function(readiness)
        self._metrics.pending_requests.labels(self.name, version).set_function(pending)

    def _fail(self, served: ServedVersion, reason: str) -> None:
        served.move(ModelState.FAILED, reason)
        self._metrics.model_load_failures.labels(self.name).inc()
        current = self.versions.get(served.version)
        if current is not None and current is not served:
            current.artifact = served.artifact
            current.reason = f"its replacement was not loaded: {reason}"
        logger.error(
            "model not loaded: name=%s version=%s reason=%s", self.name, served.version, reason
        )

    def _serve(self, served: ServedVersion, loaded: LoadedModel, warmup_seconds: float) -> None:
        options = self._serving_options
        served.model = Model(
            loaded,
            self._metrics,
            max_queue_seconds=options.max_queue_seconds,
            max_queue_delay_seconds=options.max_queue_delay_seconds,
            clock=self._clock,
        )
        served.model.start()
        served.move(ModelState.READY)
        labels = (self.name, served.version)
        metrics = self._metrics
        metrics.model_load_duration_seconds.labels(*labels).set(loaded.load_seconds)
        metrics.model_calibration_duration_seconds.labels(*labels).set(loaded.calibration_seconds)
        metrics.model_warmup_duration_seconds.labels(*labels).set(warmup_seconds)
        logger.info(
            "model ready: name=%s version=%s load_s=%.3f calibration_s=%.3f warmup_s=%.3f %s",
            *labels,
            loaded.load_seconds,
            loaded.calibration_seconds,
            warmup_seconds,
            _plan_facts(loaded),
        )

    def _choose_default(self, wanted: set[str], *, kept: set[str]) -> None:
        """Move the default to the newest ready version that is wanted; unload what is not. The
        failures of `kept` are remembered.
        """
        ready = [s for v, s in self.versions.items() if v in wanted and s.is_ready]
        if not ready:
            return
        self._default = max(ready, key=lambda served: int(served.version))
        for version, served in list(self.versions.items()):
            if version in wanted:
                continue
            if served.state is ModelState.READY:
                self._start_unloading(served, self._serving_options.unload_timeout_seconds)
            elif served.state is ModelState.FAILED and version not in kept:
                del self.versions[version]

    def _start_unloading(self, served: ServedVersion, timeout_seconds: float) -> None:
        served.move(ModelState.DRAINING)
        task = asyncio.get_running_loop().create_task(self._unload(served, timeout_seconds))
        self._unloading.add(task)
        task.add_done_callback(self._unloading.discard)

    async def _unload(self, served: ServedVersion, timeout_seconds: float) -> None:
        assert served.model is not None
        ended = await served.model.close(timeout_seconds)
        served.model = None
        served.move(ModelState.UNLOADED)
        await asyncio.to_thread(give_back_memory)
        event = "model unloaded" if ended else "model unloaded with work unfinished"
        logger.info("%s: name=%s version=%s", event, self.name, served.version)


def _plan_facts(loaded: LoadedModel) -> str:
    plan = loaded.plan
    facts = (
        f"max_batch_size={plan.max_batch_size if plan.is_batched else 0} "
        f"instances={plan.instances} threads={plan.threads} inline={plan.is_inline} "
        f"calibration={plan.source}"
    )
    return facts + "".join(f"; {note}" for note in plan.notes)
