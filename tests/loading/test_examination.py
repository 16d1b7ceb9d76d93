"""What a file shows at little cost is looked at before it is read whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from longshore.errors import ModelLoadError
from longshore.loading.load_options import LoadOptions
from longshore.loading.model_loader import load_model
from longshore.progress import Progress
from longshore.repository.layout import Artifact, ModelRepository
from longshore.repository.model_config import ModelConfig
from tests.attacks.swaps import write_version

ZEROS = 2**20


class Steps(Progress):
    def __init__(self) -> None:
        super().__init__()
        self.begun: list[str] = []

    def begin(self, doing: str, *, total_bytes: int = 0) -> None:
        super().begin(doing, total_bytes=total_bytes)
        self.begun.append(doing)


@pytest.fixture
def options(tmp_path: Path) -> LoadOptions:
    """Of a server that remembers what it learns, by the digests of files."""
    return LoadOptions(cpus=2, calibration_budget_seconds=1.0, calibration_cache=tmp_path / "cache")


def artifact_of(model: Path) -> Artifact:
    (artifact,) = ModelRepository(model, settle_seconds=0).scan().artifacts
    return artifact


@pytest.mark.parametrize("name", ["model.onnx", "model.pt", "model.pt2"])
def test_a_file_that_is_no_model_is_refused_before_it_is_hashed(tmp_path, options, name):
    (tmp_path / "model" / "1").mkdir(parents=True)
    (tmp_path / "model" / "1" / name).write_bytes(bytes(ZEROS))
    steps = Steps()

    with pytest.raises(ModelLoadError, match=name.replace(".", r"\.")):
        load_model(artifact_of(tmp_path / "model"), ModelConfig(), options, steps)
    assert not [step for step in steps.begun if "hashing" in step]


def test_the_fields_of_a_model_are_read_once_however_often_it_is_opened(tmp_path, options):
    write_version(tmp_path / "model" / "1", 1)
    steps = Steps()

    load_model(artifact_of(tmp_path / "model"), ModelConfig(), options, steps).close()
    assert len([step for step in steps.begun if step.startswith("opening")]) > 0
    assert len([step for step in steps.begun if "reading the fields" in step]) == 1
