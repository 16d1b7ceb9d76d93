"""Trials of identity versions, some of which harm the process that loads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from longshore.lifecycle.trial.room import Room
from longshore.lifecycle.trial.supervisor import Passed
from longshore.lifecycle.trial.trials import Trials
from longshore.loading.load_options import LoadOptions
from longshore.progress import Progress
from longshore.repository.layout import Artifact, ArtifactFormat
from longshore.repository.model_config import ModelConfig

FAULTS = Path(__file__).parents[2] / "attacks" / "faults"


@pytest.fixture
def _harmful(monkeypatch):
    """Children do what the file `fault` of a version says."""
    monkeypatch.setenv("PYTHONPATH", str(FAULTS))


@pytest.fixture
def version(tmp_path: Path) -> Callable[..., Artifact]:
    """A version of the identity backend."""

    def version(text: str = "", fault: str = "") -> Artifact:
        directory = tmp_path.resolve() / "echo" / "1"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "model.identity").write_text(text)
        (directory / "fault").write_text(fault or "never nothing")
        path = directory / "model.identity"
        files = ("fault", "model.identity")
        return Artifact("echo", "1", directory, path, ArtifactFormat.IDENTITY, files)

    return version


def make_trials(seconds: float = 30.0, room: Room | None = None, **options) -> Trials:
    # Of the wall clock, which runs on while a child at the lowest priority waits for a CPU.
    settings = LoadOptions(cpus=1, calibration_budget_seconds=60.0, **options)
    return Trials(settings, seconds=seconds, quota=lambda: None, room=lambda: room)


def try_version(artifact: Artifact, progress: Progress | None = None, **settings) -> Passed:
    trials = make_trials(**settings)
    return trials.run(artifact, ModelConfig(), None, progress or Progress())
