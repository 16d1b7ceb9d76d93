"""What `longshore calibrate` keeps beside a version, and which servers take it."""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
from pathlib import Path

import pytest

from longshore.backends.identity_backend import IdentityBackend
from longshore.errors import ModelLoadError
from longshore.loading.calibrate import calibrate
from longshore.loading.load_options import LoadOptions
from longshore.loading.loaded_model import LoadedModel
from longshore.loading.measurement import disturbance
from longshore.loading.model_loader import load_model
from longshore.loading.records import conditions, recorded_calibrations
from longshore.repository.integrity import write_manifest
from longshore.repository.layout import ModelRepository

SLOW = "delay_seconds: 0.002"
UNMEASURED = {"calibration_budget_seconds": 0}
"""A load that finds no record that fits is not to spend its time on a measurement of its own."""


class Volume:
    """A model directory with a version 1."""

    def __init__(self, root: Path, *, is_lone: bool = False) -> None:
        self.root = root
        self.version = root if is_lone else root / "1"
        self.version.mkdir(parents=True, exist_ok=True)
        (self.version / "model.identity").write_text(SLOW)

    def options(self, **options) -> LoadOptions:
        return LoadOptions(
            **{"cpus": 2, "calibration_budget_seconds": 10, "model_root": self.root, **options}
        )

    def calibrate(self, **options):
        artifact, config = self._scan()
        return calibrate(artifact, config, self.options(**options), self.root)

    def load(self, **options) -> LoadedModel:
        artifact, config = self._scan()
        return load_model(artifact, config, self.options(**options))

    def record(self) -> Path:
        (record,) = (self.root / "calibration").iterdir()
        return record

    def _scan(self):
        scan = ModelRepository(self.root, settle_seconds=0).scan()
        assert not scan.problems
        (artifact,) = scan.artifacts
        return artifact, scan.config


@pytest.fixture
def volume(tmp_path) -> Volume:
    return Volume(tmp_path / "model")


@pytest.fixture(scope="module")
def measured_root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("measured") / "model"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disturbance, "MOST_TAKEN", math.inf)
        Volume(root).calibrate()
    return root


@pytest.fixture
def calibrated(measured_root, tmp_path) -> Volume:
    """Of the test's own, with a record that was measured once for all tests."""
    shutil.copytree(measured_root, tmp_path / "calibrated")
    return Volume(tmp_path / "calibrated")


def test_a_server_that_finds_a_record_that_fits_executes_nothing(volume, monkeypatch):
    found = volume.calibrate()
    monkeypatch.setattr(IdentityBackend, "execute", lambda *args: pytest.fail("it measures"))

    plan = volume.load().plan

    assert found.file == volume.record()
    assert plan.source == "recorded"
    assert (plan.split, plan.cost) == (found.plan.split, found.plan.cost)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"cpus": 4}, "cpus: '2', here '4'"),
        ({"max_batch_size": 8}, "max_batch_size: 'None', here '8'"),
        ({"instances": 1}, "instances: 'None', here '1'"),
        ({"waits_for_batches": True}, "waits_for_batches: 'False', here 'True'"),
    ],
)
def test_a_server_under_other_conditions_measures_and_says_why(calibrated, caplog, options, reason):
    caplog.set_level(logging.INFO)

    assert calibrated.load(**options, **UNMEASURED).plan.source == "measured"
    assert f"recorded calibration does not fit: file={calibrated.record()}" in caplog.text
    assert reason in caplog.text


def test_a_record_of_another_cpu_or_framework_is_none_here(calibrated, monkeypatch, caplog):
    caplog.set_level(logging.INFO)

    with monkeypatch.context() as patch:
        patch.setattr(conditions, "cpu_model", lambda: "another CPU")
        assert calibrated.load(**UNMEASURED).plan.source == "measured"
    monkeypatch.setattr(IdentityBackend, "framework_version", classmethod(lambda cls: "9.9"))
    assert calibrated.load(**UNMEASURED).plan.source == "measured"
    assert "here 'another CPU'" in caplog.text
    assert "framework: 'identity " in caplog.text


def test_a_record_of_another_version_is_passed_over_without_a_word(calibrated, caplog):
    (calibrated.version / "model.identity").write_text("delay_seconds: 0.003")
    caplog.set_level(logging.INFO)

    assert calibrated.load(**UNMEASURED).plan.source == "measured"
    assert "recorded calibration" not in caplog.text


def test_a_larger_budget_makes_no_other_record(volume):
    volume.calibrate(calibration_budget_seconds=20)

    assert volume.load().plan.source == "recorded"


def test_records_of_several_limits_lie_side_by_side_and_the_same_is_replaced(volume):
    volume.calibrate(cpus=2)
    volume.calibrate(cpus=0.5)
    volume.calibrate(cpus=0.5)

    assert len(list((volume.root / "calibration").iterdir())) == 2
    assert volume.load(cpus=2).plan.source == "recorded"
    assert volume.load(cpus=0.5).plan.source == "recorded"
    assert volume.load(cpus=1, **UNMEASURED).plan.source == "measured"


def test_the_cache_comes_before_the_record(volume, tmp_path):
    cache = tmp_path / "cache"
    volume.load(calibration_cache=cache)
    volume.calibrate(calibration_cache=cache)

    assert volume.load(calibration_cache=cache).plan.source == "cached"


def test_a_calibration_remembers_nothing(volume, tmp_path):
    cache = tmp_path / "cache"
    volume.load(calibration_cache=cache)
    volume.calibrate(calibration_cache=cache)

    assert volume.calibrate(calibration_cache=cache).plan.source == "measured"


def test_a_disturbed_measurement_is_not_written_and_says_by_what(volume, monkeypatch):
    monkeypatch.setattr(disturbance, "MOST_TAKEN", -1.0)

    found = volume.calibrate()

    assert found.file is None
    assert found.problem.startswith("others had the CPU for ")
    assert not (volume.root / "calibration").exists()


def test_what_cannot_be_measured_is_not_written(volume):
    (volume.version / "model.identity").write_text("work_when: 12345")

    assert volume.calibrate().problem == "it could not be measured"


def test_a_version_with_a_manifest_stays_what_it_was(volume):
    write_manifest(volume.version)
    repository = ModelRepository(volume.root, settle_seconds=0, manifest="required")
    before = repository.scan()

    volume.calibrate()

    assert repository.scan() == before
    assert volume.load().plan.source == "recorded"


def test_a_lone_file_has_its_record_beside_it(tmp_path):
    volume = Volume(tmp_path / "model", is_lone=True)
    write_manifest(volume.root)

    volume.calibrate()

    assert volume.load().plan.source == "recorded"


def test_a_record_is_readable_by_everyone_and_nothing_else_is_left(volume):
    volume.calibrate()

    assert volume.record().stat().st_mode & 0o777 == 0o644


def written(volume: Volume, change) -> Path:
    """The record of the volume, changed."""
    record = volume.record()
    document = json.loads(record.read_text())
    record.write_text(json.dumps(change(document)))
    return record


def set_at(*path, value):
    def change(document):
        holder = document
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value
        return document

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda document: [document],
        lambda document: {**document, "more": 1},
        set_at("format", value=1),
        set_at("format", value=True),
        set_at("conditions", value=[]),
        set_at("record", value=None),
        set_at("record", "plan", "instances", value=10**9),
        set_at("record", "plan", "cost", "points", value=[[1, -1.0]]),
        set_at("record", "dimension", value=10**6),
    ],
)
def test_a_record_that_no_calibration_writes_is_ignored_and_said(calibrated, caplog, change):
    record = written(calibrated, change)

    assert calibrated.load(**UNMEASURED).plan.source == "measured"
    assert f"recorded calibration ignored: file={record} error=" in caplog.text


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff", b" " * (256 * 1024 + 1)])
def test_bytes_that_are_no_record_are_ignored_and_said(calibrated, caplog, content):
    calibrated.record().write_bytes(content)

    assert calibrated.load(**UNMEASURED).plan.source == "measured"
    assert "recorded calibration ignored: " in caplog.text


def test_one_bad_record_hides_no_good_one(calibrated):
    (calibrated.root / "calibration" / "0.json").write_text("{")

    assert calibrated.load().plan.source == "recorded"


def test_a_link_out_of_the_model_is_not_followed(calibrated, tmp_path, caplog):
    outside = tmp_path / "outside.json"
    calibrated.record().rename(outside)
    (calibrated.root / "calibration" / "1.json").symlink_to(outside)

    assert calibrated.load(**UNMEASURED).plan.source == "measured"
    assert "leads out of" in caplog.text


def test_a_directory_out_of_the_model_is_not_followed(calibrated, tmp_path, caplog):
    (calibrated.root / "calibration").rename(tmp_path / "elsewhere")
    (calibrated.root / "calibration").symlink_to(tmp_path / "elsewhere")

    assert calibrated.load(**UNMEASURED).plan.source == "measured"
    assert "recorded calibrations ignored: calibration leads out of" in caplog.text


def test_what_is_no_directory_is_no_calibration(volume):
    (volume.root / "calibration").write_text("not a directory")

    assert volume.load(**UNMEASURED).plan.source == "measured"


def test_only_so_many_files_are_looked_at(calibrated, monkeypatch):
    monkeypatch.setattr(recorded_calibrations, "MOST_FILES", 2)
    for name in ("00", "01"):
        (calibrated.root / "calibration" / f"{name}.json").write_text("{}")

    assert calibrated.load(**UNMEASURED).plan.source == "measured"


def test_a_pipe_in_place_of_a_record_blocks_nothing(calibrated):
    os.mkfifo(calibrated.root / "calibration" / "0.json")

    assert calibrated.load().plan.source == "recorded"


def test_a_version_that_is_refused_is_not_calibrated(volume):
    (volume.version / "model.identity").write_text("delay_seconds: -1")

    with pytest.raises(ModelLoadError):
        volume.calibrate()


def test_what_a_record_says_is_one_line_of_the_log(calibrated, caplog):
    record = written(
        calibrated, set_at("record", "plan", "notes", value=["fine\nERROR all is lost"])
    )
    (record.parent / "a\nb.json").write_text("{")

    assert calibrated.load().plan.notes == ("fine ERROR all is lost",)
    assert "a\nb" not in caplog.text


def test_a_condition_that_is_endless_is_cut_in_the_log(calibrated, caplog):
    written(calibrated, set_at("conditions", "cpus", value="9" * 100_000))
    caplog.set_level(logging.INFO)

    assert calibrated.load(**UNMEASURED).plan.source == "measured"
    assert "cpus: '999" in caplog.text
    assert len(caplog.text) < 2_000
