"""What was hashed is what was loaded is what was proven, or nothing of it is kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from longshore.errors import ArtifactChanged
from longshore.loading.load_options import LoadOptions
from longshore.loading.model_loader import load_model
from longshore.progress import Progress
from longshore.repository.integrity import write_manifest
from longshore.repository.layout import ModelRepository

FIRST = "input: [{name: INPUT0, data_type: TYPE_FP32, dims: [-1, 4]}]\ndelay_seconds: 0.001\n"
SECOND = FIRST.replace("4", "5")
STEPS = ["hashing", "opening", "finding", "measuring"]


class Steps(Progress):
    """Replaces the file at the first step of a kind, and counts what is hashed."""

    def __init__(self, file: Path, step: str = "never", *, in_place: bool = False) -> None:
        super().__init__()
        self.hashed_bytes = 0
        self._file, self._at, self._in_place = file, step, in_place

    def begin(self, doing: str, *, total_bytes: int = 0) -> None:
        super().begin(doing, total_bytes=total_bytes)
        if not doing.startswith(self._at):
            return
        self._at = "never"
        if self._in_place:
            self._file.write_text(SECOND)
        else:
            draft = self._file.with_name(".draft")
            draft.write_text(SECOND)
            os.replace(draft, self._file)

    def advance(self, count: int) -> None:
        super().advance(count)
        self.hashed_bytes += count


@pytest.fixture
def file(tmp_path) -> Path:
    file = tmp_path / "echo" / "1" / "model.identity"
    file.parent.mkdir(parents=True)
    file.write_text(FIRST)
    os.utime(file, (1e9, 1e9))
    return file


@pytest.fixture
def load(tmp_path, file):
    options = LoadOptions(cpus=2, calibration_budget_seconds=0.2, calibration_cache=tmp_path / "c")

    def load(progress: Progress):
        [artifact] = ModelRepository(tmp_path / "echo", settle_seconds=0).scan().artifacts
        return load_model(artifact, ModelRepository(tmp_path / "echo").config(), options, progress)

    return load


def kept(tmp_path) -> list[Path]:
    return list((tmp_path / "c").glob("*"))


@pytest.mark.parametrize("in_place", [False, True], ids=["replaced", "written to"])
@pytest.mark.parametrize("step", STEPS)
def test_nothing_is_kept_of_a_file_that_changes_while_it_is_loaded(
    load, file, tmp_path, step, in_place
):
    with pytest.raises(ArtifactChanged, match=r"model\.identity: changed while it was loaded"):
        load(Steps(file, step, in_place=in_place))

    assert kept(tmp_path) == []
    loaded = load(Steps(file))
    assert loaded.signature.inputs[0].shape == (-1, 5)
    assert loaded.plan.source == "measured"
    assert len(kept(tmp_path)) == 1


def test_a_record_of_the_first_file_is_not_taken_for_the_second(load, file):
    load(Steps(file))
    with pytest.raises(ArtifactChanged):
        load(Steps(file, "opening"))

    assert load(Steps(file)).plan.source == "measured"


@pytest.mark.parametrize("has_manifest", [False, True])
def test_every_byte_is_hashed_once_for_a_load(load, file, has_manifest):
    if has_manifest:
        write_manifest(file.parent)
    steps = Steps(file)
    loaded = load(steps)

    assert loaded.plan.source == "measured"
    assert steps.hashed_bytes == len(FIRST)
