"""A manager of a model on a volume of its own: everything but the sockets is real."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from longshore.lifecycle.manager import ModelManager
from longshore.lifecycle.version_loader import ServingOptions
from longshore.loading.load_options import LoadOptions
from longshore.repository.layout import ModelRepository

OPTIONS = LoadOptions(cpus=1, calibration_budget_seconds=0)
SERVING = ServingOptions(
    max_queue_seconds=1.0, max_queue_delay_seconds=None, unload_timeout_seconds=1.0
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A directory without a version."""
    directory = tmp_path / "echo"
    directory.mkdir()
    return directory


def write_version(model: Path, version: str, text: str = "", name: str = "model.identity") -> Path:
    """A version of the identity backend, unless it says otherwise."""
    (model / version).mkdir(exist_ok=True)
    file = model / version / name
    draft = model / version / ".draft"
    draft.write_text(text)
    draft.rename(file)
    return file


@pytest.fixture
async def manage(metrics, model) -> AsyncIterator[Callable[..., Awaitable[ModelManager]]]:
    """Make a manager of `model`, and let it look at the volume once."""
    managers: list[ModelManager] = []

    async def manage(**settings) -> ModelManager:
        settings = {"settle_seconds": 0, **settings}
        budget = settings.pop("calibration_budget_seconds", OPTIONS.calibration_budget_seconds)
        begins, ticks = settings.pop("looks", True), settings.pop("progress_clock", time.monotonic)
        spread, trials = settings.pop("spread", None), settings.pop("trials", None)
        marks, may_replace = settings.pop("marks", None), settings.pop("may_replace", False)
        manager = ModelManager(
            ModelRepository(settings.pop("root", model), **settings),
            metrics,
            load_options=replace(OPTIONS, calibration_budget_seconds=budget),
            serving_options=replace(SERVING, may_replace=may_replace),
            trials=trials,
            marks=marks,
            spread=spread,
            clock=ticks,
        )
        managers.append(manager)
        if begins:
            await manager.refresh()
        return manager

    yield manage
    for manager in managers:
        await manager.close(1.0)


@pytest.fixture
def failures(metrics) -> Callable[[], float]:
    """What the metric of load failures says."""
    name = "longshore_model_load_failures_total"
    return lambda: metrics.registry.get_sample_value(name, {"model": "echo"}) or 0.0
