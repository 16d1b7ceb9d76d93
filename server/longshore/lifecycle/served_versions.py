"""The versions of one model as clients, probes and metrics see them.

Written by `lifecycle.manager` on the event loop, read from any thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct

from longshore.backends.base import Backend
from longshore.backends.devices.health import DeviceHealth
from longshore.errors import ModelNotFound, ModelNotReady
from longshore.execution.model import Model
from longshore.lifecycle.refusals import Refusals
from longshore.lifecycle.served_version import ServedVersion
from longshore.lifecycle.state import ModelState
from longshore.metrics import ServerMetrics
from longshore.progress import Progress

LOADING_STATES = (ModelState.TRYING, ModelState.LOADING, ModelState.WARMING)


class VersionStatus(Struct, frozen=True):
    """One row of what people are told."""

    version: str
    state: ModelState
    is_ready: bool
    reason: str
    """Why it does not answer, or is not what lies on the volume; empty when it does and is."""


class ServedVersions:
    """Which versions there are, which of them answers by default, and what is wrong with others."""

    def __init__(
        self,
        name: str,
        metrics: ServerMetrics,
        device_health: DeviceHealth,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.by_number: dict[str, ServedVersion] = {}
        self.default: ServedVersion | None = None
        """Answers requests that name no version."""
        self.refusals = Refusals(name, metrics.model_load_failures.labels(name).inc)
        self.settling: tuple[str, ...] = ("nothing was looked at yet",)
        """What is being written on the volume, a sentence each: another look soon is worth it."""
        self.progress = Progress(clock)
        """Of looking at the volume and of loading, one after the other."""
        self._metrics = metrics
        self._device_health = device_health

    @property
    def is_ready(self) -> bool:
        """The version that answers requests without a version in their path is able to."""
        return self.default is not None and self.default.is_ready and self.device_fault is None

    @property
    def device_fault(self) -> str | None:
        """Why this process cannot use its device any more."""
        return self._device_health.fault

    @property
    def backend(self) -> Backend | None:
        """That of the version that answers by default."""
        default = self.default
        model = None if default is None else default.model
        return None if model is None else model.backend

    @property
    def newest_ready(self) -> Model | None:
        """Of the newest version that answers now, by default or by its number."""
        ready = [served for served in list(self.by_number.values()) if served.is_ready]
        newest = max(ready, key=lambda served: int(served.version), default=None)
        return None if newest is None else newest.model

    @property
    def models(self) -> list[Model]:
        """Of all versions that are loaded, whether or not they still take requests."""
        return [served.model for served in self.by_number.values() if served.model is not None]

    @property
    def is_loading(self) -> bool:
        return bool(self.settling) or any(
            served.state in LOADING_STATES for served in list(self.by_number.values())
        )

    @property
    def ready(self) -> list[str]:
        return [number for number, served in list(self.by_number.items()) if served.is_ready]

    @property
    def newest(self) -> str:
        """The version that requests without one mean, or will; empty when nothing is known."""
        if self.default is not None:
            return self.default.version
        return max(list(self.by_number), key=int, default="")

    def get_ready(self, name: str, version: str | None = None) -> Model:
        """The model that answers requests for `name`, of the newest ready version by default.

        Raises:
            ModelNotFound: no such model or version.
            ModelNotReady: known, and loading, refused or draining.
        """
        served = self.default if version is None else self.by_number.get(version)
        if name != self.name:
            raise ModelNotFound(f"unknown model '{name}'; this server serves '{self.name}'")
        if served is None or served.model is None or not served.is_ready:
            raise self._absent(version if served is None else served.version)
        return served.model

    def _absent(self, version: str | None) -> ModelNotFound | ModelNotReady:
        if version is None:
            reasons = "; ".join(self.describe_problems()) or "it is being loaded"
            return ModelNotReady(f"model '{self.name}' is not ready: {reasons}")
        for status in self.statuses():
            if status.version == version:
                because = status.reason and f": {status.reason}"
                return ModelNotReady(
                    f"model '{self.name}' is not ready: version {version} is "
                    f"{status.state}{because}"
                )
        ready = ", ".join(self.ready) or "none"
        return ModelNotFound(
            f"unknown version '{version}' of model '{self.name}'; ready versions: {ready}"
        )

    def statuses(self) -> list[VersionStatus]:
        """A row for each version that was loaded or refused, oldest first."""
        rows = {
            refusal.version: VersionStatus(refusal.version, refusal.state, False, refusal.reason)
            for refusal in self.refusals
            if refusal.is_of_version
        }
        for number, served in list(self.by_number.items()):
            reason = served.fault
            if served.state in LOADING_STATES:
                reason = reason or self.progress.describe()
            if number in rows and served.state is not ModelState.UNLOADED:
                reason = reason or _of_replacement(rows[number].state, rows[number].reason)
            if number not in rows or served.state is not ModelState.UNLOADED:
                rows[number] = VersionStatus(number, served.state, served.is_ready, reason)
        return [rows[number] for number in sorted(rows, key=int)]

    def describe_problems(self) -> list[str]:
        """Why something is not served, a sentence for each reason."""
        problems = [f"the device is lost: {self.device_fault}"] if self.device_fault else []
        for served in list(self.by_number.values()):
            if served.fault:
                problems.append(f"version {served.version} {served.state}: {served.fault}")
        for refusal in self.refusals:
            if refusal.version in self.ready:
                told = _of_replacement(refusal.state, refusal.reason)
                problems.append(f"version {refusal.version}: {told}")
            else:
                problems.append(str(refusal))
        return problems

    def describe_progress(self) -> list[str]:
        """What is waited for, a sentence each."""
        work = self.progress.describe()
        return [*self.settling, *([work] if work else [])]

    def describe_work(self) -> str:
        """What is being computed, as facts for a log line."""
        facts = [
            f"version_{served.version}_queued={served.model.queued_requests} "
            f"version_{served.version}_admitted_rows={served.model.admitted_rows}"
            for served in list(self.by_number.values())
            if served.model is not None
        ]
        return " ".join(facts) or "no model"

    def create_metrics(self, version: str) -> None:
        """Gauges are read through this table: a model that they held would never be freed."""

        def readiness() -> float:
            served = self.by_number.get(version)
            return float(served is not None and served.is_ready and self.device_fault is None)

        def pending() -> float:
            served = self.by_number.get(version)
            return 0.0 if served is None or served.model is None else served.model.queued_requests

        self._metrics.create_version(self.name, version)
        self._metrics.model_ready.labels(self.name, version).set_function(readiness)
        self._metrics.pending_requests.labels(self.name, version).set_function(pending)


def _of_replacement(state: ModelState, reason: str) -> str:
    """What is wrong with files that were put in the place of those that serve."""
    verb = "is held" if state is ModelState.HELD else "is not served"
    return f"its replacement {verb}: {reason}"
