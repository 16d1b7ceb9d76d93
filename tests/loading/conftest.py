from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from longshore.loading.load_options import LoadOptions
from longshore.loading.loaded_model import Beside, LoadedModel
from longshore.loading.measurement import disturbance
from longshore.loading.model_loader import load_model
from longshore.repository.layout import Artifact, ArtifactFormat
from longshore.repository.model_config import ModelConfig

Load = Callable[..., LoadedModel]


@pytest.fixture(autouse=True)
def _calm_machine(monkeypatch):
    """Whatever else runs on this one, which would keep what is measured here out of the cache."""
    monkeypatch.setattr(disturbance, "MOST_TAKEN", math.inf)


@pytest.fixture
def load_identity(tmp_path: Path) -> Load:
    """Load an identity model whose file has the content given."""

    def load(
        content: str = "",
        config: ModelConfig | None = None,
        beside: LoadedModel | None = None,
        has_worked: bool = True,
        **options,
    ) -> LoadedModel:
        directory = tmp_path.resolve() / "1"
        directory.mkdir(exist_ok=True)
        path = directory / "model.identity"
        path.write_text(content)
        artifact = Artifact("identity", "1", directory, path, ArtifactFormat.IDENTITY)
        settings = LoadOptions(cpus=2, calibration_budget_seconds=1.5)
        return load_model(
            artifact,
            config or ModelConfig(),
            replace(settings, **options),
            beside=beside and Beside(beside, lambda: has_worked),
        )

    return load
