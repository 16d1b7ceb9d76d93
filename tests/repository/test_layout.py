from __future__ import annotations

import os
from contextlib import contextmanager

import pytest

from longshore.errors import ModelConfigError, ModelLoadError
from longshore.repository import version_files
from longshore.repository.layout import ArtifactFormat, ModelRepository
from tests.repository.scans import messages, served


def test_lone_file_is_version_1(model, repository, write):
    write(model / "model.pt2")
    (artifact,) = repository.scan().artifacts
    assert (artifact.version, artifact.format) == ("1", ArtifactFormat.PT2)


def test_lone_file_beside_version_directories_is_reported(model, repository, write):
    write(model / "model.onnx")
    write(model / "3" / "model.onnx")
    scan = repository.scan()
    assert served(scan) == ["3"]
    assert "not served beside version directories" in messages(scan)[0]


def test_root_may_be_the_artifact_file_itself(model, clock, write):
    path = write(model / "resnet.onnx")
    write(model / "resnet.pt")
    repository = ModelRepository(path, clock=clock)
    (artifact,) = repository.scan().artifacts
    assert artifact.files == ("resnet.onnx",)
    assert (artifact.version, artifact.model_name) == ("1", "resnet")


def test_root_file_of_another_kind_is_refused_with_the_kinds_allowed(model, clock, write):
    scan = ModelRepository(write(model / "model.pkl"), clock=clock).scan()
    assert scan.artifacts == ()
    assert "'.pkl', allowed: .onnx, .pt, .pt2, .identity" in messages(scan)[0]


def test_explicit_name_wins_over_config_and_config_over_directory(model, write):
    assert ModelRepository(model).model_name() == "digits"
    (model / "config.yaml").write_text("name: scans")
    assert ModelRepository(model).model_name() == "scans"
    assert ModelRepository(model, name="given").model_name() == "given"


@pytest.mark.parametrize("name", ["a b", "a/b", "..", "é", "a" * 129, "a\n"])
def test_name_that_does_not_fit_into_a_url_is_refused(model, name):
    with pytest.raises(ModelConfigError, match="allowed: 1 to 128 of A-Z"):
        ModelRepository(model, name=name).model_name()


@pytest.mark.parametrize("name", ["v3", "01", "0", "2.tmp"])
def test_directory_that_looks_like_a_version_is_a_problem(model, repository, write, name):
    write(model / "1" / "model.onnx")
    (model / name).mkdir()
    scan = repository.scan()
    assert served(scan) == ["1"]
    assert [problem.version for problem in scan.problems] == [name]


@pytest.mark.parametrize("name", ["lost+found", ".git", "..2026_11_24", "assets"])
def test_other_entries_are_no_problem(model, repository, write, name):
    write(model / "1" / "model.onnx")
    (model / name).mkdir()
    assert repository.scan().problems == ()


def test_absent_root_says_so(tmp_path):
    with pytest.raises(ModelLoadError, match=r"absent: No such file"):
        ModelRepository(tmp_path / "absent").scan()


def test_empty_root_says_what_was_looked_for(repository):
    with pytest.raises(ModelLoadError, match=r"nothing to serve; looked for .*model\.onnx"):
        repository.scan()


def test_two_artifacts_in_a_version_are_named(model, repository, write):
    write(model / "1" / "model.onnx")
    write(model / "1" / "model.pt")
    assert "holds model.onnx and model.pt" in messages(repository.scan())[0]


def test_backend_of_the_config_chooses_between_two_artifacts(model, repository, write):
    write(model / "1" / "model.onnx")
    write(model / "1" / "model.pt")
    (model / "config.yaml").write_text("backend: pytorch")
    assert repository.scan().artifacts[0].path.name == "model.pt"


@pytest.mark.parametrize("lone", [True, False])
def test_fifo_named_like_a_model_is_refused_and_not_opened(model, repository, write, lone):
    directory = model if lone else model / "1"
    directory.mkdir(exist_ok=True)
    os.mkfifo(directory / "model.onnx")
    os.utime(directory, (0, 0))
    scan = repository.scan()
    assert scan.artifacts == ()
    assert "model.onnx is a FIFO" in messages(scan)[0]


@pytest.mark.parametrize("link", ["1", "1/model.onnx"])
def test_link_out_of_the_model_directory_is_refused(tmp_path, model, repository, write, link):
    write(tmp_path / "elsewhere" / "model.onnx")
    target = tmp_path / "elsewhere"
    if link == "1":
        (model / "1").symlink_to(target)
    else:
        (model / "1").mkdir()
        (model / link).symlink_to(target / "model.onnx")
        os.utime(model / "1", (0, 0))
    scan = repository.scan()
    assert scan.artifacts == ()
    assert "leads out of" in messages(scan)[0]


def test_links_that_lead_nowhere_or_in_a_circle_are_problems(model, repository, write):
    write(model / "1" / "model.onnx")
    (model / "2").symlink_to("gone")
    (model / "3").symlink_to("3")
    scan = repository.scan()
    assert served(scan) == ["1"]
    assert [problem.version for problem in scan.problems] == ["3", "2"]


def test_swap_of_a_kubernetes_data_link_gives_another_artifact(model, repository, write):
    write(model / "..old" / "1" / "model.onnx", b"old")
    write(model / "..new" / "1" / "model.onnx", b"new")
    (model / "..data").symlink_to("..old")
    (model / "1").symlink_to("..data/1")
    (before,) = repository.scan().artifacts
    (model / "swap").symlink_to("..new")
    (model / "swap").rename(model / "..data")
    (after,) = repository.scan().artifacts
    assert before != after
    assert (before.path.read_bytes(), after.path.read_bytes()) == (b"old", b"new")


@pytest.mark.parametrize("lone", [True, False])
def test_files_behind_a_data_link_in_their_own_directory_are_served(model, repository, write, lone):
    directory = model if lone else model / "1"
    write(directory / "..2026" / "model.onnx")
    (directory / "..data").symlink_to("..2026")
    (directory / "model.onnx").symlink_to("..data/model.onnx")
    (artifact,) = repository.scan().artifacts
    assert artifact.path == model.resolve() / directory / "..2026" / "model.onnx"


def test_required_manifest_that_is_missing_is_a_problem(model, clock, write):
    write(model / "1" / "model.onnx")
    scan = ModelRepository(model, manifest="required", clock=clock).scan()
    assert scan.artifacts == ()
    assert "has no manifest.json, which is required" in messages(scan)[0]


def test_ignored_manifest_may_be_wrong(model, clock, write):
    write(model / "1" / "model.onnx")
    write(model / "1" / "manifest.json", b"not json")
    assert served(ModelRepository(model, manifest="ignored", clock=clock).scan()) == ["1"]
    assert served(ModelRepository(model, clock=clock).scan()) == []


def test_version_larger_than_allowed_names_its_largest_file(model, clock, write):
    write(model / "1" / "model.onnx", b"x")
    write(model / "1" / "weights.bin", b"x" * 100)
    scan = ModelRepository(model, max_artifact_bytes=100, clock=clock).scan()
    assert "101 bytes in 2 files (largest weights.bin, 100), allowed: 100" in messages(scan)[0]


def test_directories_to_list_are_the_versions_or_the_root(model, repository, write):
    assert repository.directories() == (model,)
    write(model / "10" / "model.onnx")
    write(model / "9" / "model.onnx")
    assert repository.directories() == (model / "9", model / "10")


class CountingScan:
    """`os.scandir` that counts the entries it gives."""

    def __init__(self) -> None:
        self.count = 0
        self._scandir = os.scandir

    @contextmanager
    def __call__(self, path):
        with self._scandir(path) as entries:
            yield (self._counted(entry) for entry in entries)

    def _counted(self, entry):
        self.count += 1
        return entry


def test_a_version_of_too_many_files_is_refused_by_name_without_looking_at_them(
    model, write, clock, monkeypatch
):
    monkeypatch.setattr(version_files, "MAX_ENTRIES", 50)
    scan = CountingScan()
    monkeypatch.setattr(version_files.os, "scandir", scan)
    for number in range(500):
        write(model / "2" / f"{number}.bin")

    found = ModelRepository(model, clock=clock).scan()

    [problem] = found.problems
    assert (problem.version, problem.is_temporary) == ("2", False)
    assert "2 holds more than 50 files" in problem.message
    assert scan.count <= 52, "and the version itself"


def test_directories_without_end_are_refused(model, write, clock, monkeypatch):
    monkeypatch.setattr(version_files, "_MAX_DIRECTORIES", 20)
    for number in range(30):
        write(model / "2" / str(number) / "a")

    [problem] = ModelRepository(model, clock=clock).scan().problems
    assert "2 holds more than 20 directories" in problem.message


def test_of_a_plain_file_nothing_is_looked_up_but_its_status(model, write, clock, monkeypatch):
    """Resolving a path costs a call for each part of it, at every look."""
    resolved = []
    resolve = version_files.resolve_inside
    monkeypatch.setattr(
        version_files,
        "resolve_inside",
        lambda path, root: resolved.append(path) or resolve(path, root),
    )
    write(model / "1" / "model.onnx")
    for number in range(20):
        write(model / "1" / f"{number}.bin")
    (model / "1" / "link.bin").symlink_to("0.bin")

    [artifact] = ModelRepository(model, clock=clock).scan().artifacts
    assert len(artifact.files) == 22
    assert [path.name for path in resolved] == ["link.bin"]
