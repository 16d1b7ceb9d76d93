"""What `longshore calibrate` wrote goes with the version, and servers there take it."""

from __future__ import annotations

import math
import shutil
import sys

import pytest

from longshore.loading.calibrate import calibrate
from longshore.loading.load_options import LoadOptions
from longshore.loading.measurement import disturbance
from longshore.loading.model_loader import load_model
from longshore.repository.layout import ModelRepository
from longshore_k8s.push.errors import PushFailed
from longshore_k8s.push.model_to_push import choose
from tests.push.pods import Cluster, push

BUDGET_SECONDS = {"calibration_budget_seconds": 10}
OF_OLD = """print('{"protocol": 1, "longshore": "0.1.0"}', flush=True); input()"""


@pytest.fixture(autouse=True)
def _calm_machine(monkeypatch):
    """Whatever else runs on this one, which would keep what is measured from being written."""
    monkeypatch.setattr(disturbance, "MOST_TAKEN", math.inf)


@pytest.fixture
def cluster(tmp_path):
    (tmp_path / "volume").mkdir()
    return Cluster(tmp_path / "volume")


@pytest.fixture
def root(tmp_path):
    """A model with the versions 1 and 2."""
    for number in (1, 2):
        version = tmp_path / f"slow/{number}"
        version.mkdir(parents=True)
        (version / "model.identity").write_text(f"delay_seconds: 0.00{number}")
    return tmp_path / "slow"


def calibrated(root, number, cpus=2):
    """The file that keeps it."""
    scan = ModelRepository(root, version=number, settle_seconds=0).scan()
    found = calibrate(*scan.artifacts, scan.config, LoadOptions(cpus=cpus, **BUDGET_SECONDS), root)
    assert found.file, found.problem
    return found.file


def source(root):
    """Where the plan of a server that finds the model here comes from."""
    scan = ModelRepository(root, settle_seconds=0).scan()
    options = LoadOptions(cpus=2, calibration_budget_seconds=0, model_root=root)
    loaded = load_model(*scan.artifacts, scan.config, options)
    loaded.close()
    return loaded.plan.source


def test_those_of_the_version_arrive_as_they_are_and_no_others(cluster, root):
    calibrated(root, 1)
    kept = [calibrated(root, 2, cpus) for cpus in (1, 2)]

    push(cluster, choose(root, 2, runs=False))

    there = cluster.volume / "digits/calibration"
    assert {file.name: file.read_text() for file in kept} == {
        file.name: file.read_text() for file in there.iterdir()
    }
    assert source(there.parent) == "recorded"


def test_that_of_a_lone_artifact_holds_for_the_version_that_it_becomes(cluster, root):
    shutil.copy(root / "1/model.identity", root)
    shutil.rmtree(root / "1")
    shutil.rmtree(root / "2")
    (root / "config.yaml").write_text("max_batch_size: 4\n")
    calibrated(root, None)

    push(cluster, choose(root, 7, runs=False))

    (arrived,) = (cluster.volume / "digits/calibration").iterdir()
    assert arrived.name.startswith("7-")
    assert source(cluster.volume / "digits") == "recorded"


def test_what_is_no_calibration_stays_here(cluster, root):
    calibrated(root, 2).write_text("{}")

    push(cluster, choose(root, 2, runs=False))

    assert not (cluster.volume / "digits/calibration").exists()


def test_an_image_that_takes_no_calibrations_in_is_refused_in_words(cluster, root):
    cluster.program = [sys.executable, "-c", OF_OLD]

    with pytest.raises(PushFailed, match=r"speaks another protocol \(1, not 2\): name one of this"):
        push(cluster, choose(root, 2, runs=False))

    assert list(cluster.volume.iterdir()) == []
