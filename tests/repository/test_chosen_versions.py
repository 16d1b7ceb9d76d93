from __future__ import annotations

import shutil

import pytest

from longshore.repository.layout import ModelRepository
from tests.repository.scans import messages, served


def test_latest_version_is_the_greatest_number_not_the_greatest_text(model, repository, write):
    for version in ("2", "10", "9"):
        write(model / version / "model.onnx")
    assert served(repository.scan()) == ["10"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("{latest: {num_versions: 2}}", ["9", "10"]),
        ("{all: {}}", ["2", "9", "10"]),
        ("{specific: {versions: [2, 9]}}", ["2", "9"]),
    ],
)
def test_version_policy_chooses_what_is_served(model, repository, write, policy, expected):
    for version in ("2", "10", "9"):
        write(model / version / "model.onnx")
    (model / "config.yaml").write_text(f"version_policy: {policy}")
    assert served(repository.scan()) == expected


def test_specific_version_that_is_missing_is_a_problem(model, repository, write):
    write(model / "1" / "model.onnx")
    (model / "config.yaml").write_text("version_policy: {specific: {versions: [1, 7]}}")
    scan = repository.scan()
    assert served(scan) == ["1"]
    assert [problem.version for problem in scan.problems] == ["7"]


@pytest.mark.parametrize("config", ["", "version_policy: {all: {}}"])
def test_a_pinned_version_is_served_whatever_the_config_says_and_whatever_comes(
    model, clock, write, config
):
    for version in ("2", "9"):
        write(model / version / "model.onnx")
    (model / "config.yaml").write_text(config)
    repository = ModelRepository(model, version=2, clock=clock)
    write(model / "10" / "model.onnx")
    assert served(repository.scan()) == ["2"]


@pytest.mark.parametrize("file", ["1/model.onnx", "model.onnx"])
def test_a_pinned_version_that_is_missing_is_said_and_no_other_takes_its_place(
    model, clock, write, file
):
    lone = write(model / file)
    for root in (model, lone):
        scan = ModelRepository(root, version=7, clock=clock).scan()
        assert served(scan) == []
        assert messages(scan) == [f"{root}: model_version names version 7, which is not there"]
    assert served(ModelRepository(model, version=1, clock=clock).scan()) == ["1"]


def test_broken_latest_version_leaves_its_place_to_the_one_before(model, repository, write):
    write(model / "1" / "model.onnx")
    write(model / "2" / "weights.h5")
    scan = repository.scan()
    assert served(scan) == ["1"]
    assert "looked for model.onnx, model.pt, model.pt2, model.identity" in messages(scan)[0]
    assert not scan.problems[0].is_temporary


def test_removing_the_directory_rolls_back(model, repository, write):
    write(model / "1" / "model.onnx")
    write(model / "2" / "model.onnx")
    assert served(repository.scan()) == ["2"]
    shutil.rmtree(model / "2")
    scan = repository.scan()
    assert (served(scan), scan.problems) == (["1"], ())
