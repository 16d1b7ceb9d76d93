from __future__ import annotations

import json
import os

import numpy as np
import onnx
import onnxruntime
import pytest
from msgspec.structs import replace
from onnx import TensorProto, helper

from longshore.errors import ArtifactChanged, ModelLoadError
from longshore.repository.integrity import (
    Seen,
    open_verified,
    verify,
    write_manifest,
)
from longshore.repository.layout import ModelRepository


@pytest.fixture
def artifact_of(model, clock):
    def scan(**settings):
        (artifact,) = ModelRepository(model, clock=clock, **settings).scan().artifacts
        return artifact

    return scan


@pytest.fixture
def published(model, write, artifact_of):
    """Version 1 of two files with its manifest."""
    write(model / "1" / "model.pt", b"program")
    write(model / "1" / "deep" / "labels.txt", b"zero one")
    write_manifest(model / "1")
    return artifact_of()


def add_model(path, *, external=False):
    weights = helper.make_tensor("w", TensorProto.FLOAT, [4], np.arange(4, dtype=np.float32))
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        "add",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])],
        [
            onnx.numpy_helper.from_array(np.arange(4, dtype=np.float32), "w")
            if external
            else weights
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.parent.mkdir(parents=True)
    onnx.save(made, path, save_as_external_data=external, location="weights.bin", size_threshold=0)
    for file in (*path.parent.iterdir(), path.parent):
        os.utime(file, (0, 0))


def run(path):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.ones((1, 4), np.float32)})[0].tolist()


def test_manifest_lists_every_file_with_digest_and_size(model, published):
    written = json.loads((model / "1" / "manifest.json").read_text())
    assert written["version"] == 1
    assert {name: entry["size"] for name, entry in written["files"].items()} == {
        "deep/labels.txt": 8,
        "model.pt": 7,
    }
    verify(published)


def test_manifest_can_be_written_again_and_is_readable_by_others(model, published):
    (model / "1" / "model.pt").write_bytes(b"another")
    path = write_manifest(model / "1")
    assert path.stat().st_mode & 0o777 == 0o644
    assert sorted(os.listdir(model / "1")) == ["deep", "manifest.json", "model.pt"]
    verify(published)


def test_manifest_of_a_lone_file_leaves_subdirectories_out(model, write, artifact_of):
    write(model / "notes" / "readme.txt")
    write(model / "model.pt")
    (model / "config.yaml").write_text("max_batch_size: 0")
    write_manifest(model)
    assert set(json.loads((model / "manifest.json").read_text())["files"]) == {
        "config.yaml",
        "model.pt",
    }
    verify(artifact_of(manifest="required"))
    (model / "config.yaml").write_text("max_batch_size: 9")
    with pytest.raises(ModelLoadError, match=r"config\.yaml"):
        verify(replace(artifact_of(manifest="ignored"), manifest="required"))


@pytest.mark.parametrize("kind", ["link", "fifo"])
@pytest.mark.parametrize("version", ["1", "."])
def test_manifest_is_not_written_over_what_is_no_regular_file(model, write, kind, version):
    directory = model / version
    write(directory / "model.pt")
    if kind == "link":
        (directory / "odd").symlink_to("model.pt")
    else:
        os.mkfifo(directory / "odd")
    with pytest.raises(ModelLoadError, match="odd is a"):
        write_manifest(directory)
    assert not (directory / "manifest.json").exists()


def test_manifest_of_a_directory_without_artifact_is_refused(model):
    with pytest.raises(ModelLoadError, match=r"holds none of model\.onnx"):
        write_manifest(model)


def test_failed_write_leaves_no_partial_manifest(model, write, monkeypatch):
    write(model / "1" / "model.pt")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelLoadError, match="No space left on device"):
        write_manifest(model / "1")
    assert os.listdir(model / "1") == ["model.pt"]


def test_writer_that_was_killed_leaves_nothing_that_matters(model, published):
    (model / "1" / ".manifest.json.half").write_text('{"vers')
    verify(published)


def test_what_another_process_saw_of_the_files_is_believed_until_one_of_them_changes(
    model, published
):
    with open_verified(published) as verified:
        told = json.loads(json.dumps(verified.seen.to_content()))
    seen = Seen.of_content(told)

    with open_verified(published, seen=seen) as verified:
        assert verified.seen == seen
    (model / "1" / "model.pt").write_bytes(b"PROGRAM")
    with pytest.raises(ArtifactChanged):
        seen.check()


@pytest.mark.parametrize(
    "told", [5, {}, {"identities": {}, "manifest": 5}, {"identities": {}, "manifest": "{"}]
)
def test_what_no_process_can_have_seen_is_refused(told):
    with pytest.raises(ValueError, match="seen"):
        Seen.of_content(told)


def test_same_size_and_other_bytes_are_refused_by_name(model, published):
    (model / "1" / "deep" / "labels.txt").write_bytes(b"zero two")
    with pytest.raises(ModelLoadError, match=r"labels\.txt: SHA-256 [0-9a-f]{64} of 8 bytes"):
        verify(published)


def test_other_size_is_refused_by_name(model, published):
    (model / "1" / "model.pt").write_bytes(b"x")
    with pytest.raises(ModelLoadError, match=r"model\.pt: 1 bytes, manifest.json says 7"):
        verify(published)


def test_file_that_is_not_listed_is_refused_by_name(model, published):
    (model / "1" / "extra.bin").write_bytes(b"x")
    with pytest.raises(ModelLoadError, match=r"extra\.bin: not listed"):
        verify(published)


def test_file_that_is_gone_is_refused_by_name(model, published):
    (model / "1" / "deep" / "labels.txt").unlink()
    with pytest.raises(ModelLoadError, match=r"deep/labels\.txt: listed in manifest.json and not"):
        verify(published)


def test_listed_link_out_of_the_version_is_refused_though_its_bytes_fit(model, published):
    (model / "1" / "model.pt").rename(model / "moved.pt")
    (model / "1" / "model.pt").symlink_to("../moved.pt")
    with pytest.raises(ModelLoadError, match=r"model\.pt leads out of"):
        verify(published)


def test_manifest_that_is_required_and_gone_is_refused(model, published):
    (model / "1" / "manifest.json").unlink()
    verify(published)
    with pytest.raises(ModelLoadError, match=r"has no manifest\.json, which is required"):
        verify(replace(published, manifest="required"))


def test_file_replaced_while_loading_does_not_change_what_is_read(model, published, write):
    write(model / "evil", b"another program")
    read = []

    def load():
        with open_verified(published) as verified:
            (model / "evil").rename(model / "1" / "model.pt")
            read.append(verified.path.read_bytes())
            with verified.open() as file:
                read.append(file.read())

    with pytest.raises(ModelLoadError, match=r"model\.pt: changed while it was loaded"):
        load()
    assert read == [b"program", b"program"]


def test_file_written_to_while_loading_is_noticed(model, published):
    with (
        pytest.raises(ModelLoadError, match=r"model\.pt: changed while it was loaded"),
        open_verified(published),
        (model / "1" / "model.pt").open("r+b") as file,
    ):
        file.write(b"P")


def test_neighbour_that_changes_while_loading_is_noticed(model, published):
    with (
        pytest.raises(ModelLoadError, match=r"labels\.txt: changed while it was loaded"),
        open_verified(published),
    ):
        (model / "1" / "deep" / "labels.txt").write_bytes(b"zero two")


def test_error_of_the_loader_passes_through(published):
    with pytest.raises(OSError, match="its own"), open_verified(published):
        raise OSError("its own")


def test_onnxruntime_loads_a_single_file_from_the_verified_descriptor(model, artifact_of):
    add_model(model / "1" / "model.onnx")
    write_manifest(model / "1")
    with open_verified(artifact_of()) as verified:
        assert str(verified.path).startswith("/proc/self/fd/")
        assert run(verified.path) == [[1.0, 2.0, 3.0, 4.0]]


@pytest.mark.parametrize("with_manifest", [True, False])
def test_onnxruntime_finds_external_data_beside_the_model(model, artifact_of, with_manifest):
    add_model(model / "1" / "model.onnx", external=True)
    if with_manifest:
        write_manifest(model / "1")
    with open_verified(artifact_of()) as verified:
        assert verified.path == model / "1" / "model.onnx"
        assert run(verified.path) == [[1.0, 2.0, 3.0, 4.0]]


def test_external_data_replaced_while_loading_is_noticed(model, artifact_of, write):
    add_model(model / "1" / "model.onnx", external=True)
    write(model / "evil", b"\0" * 16)

    def load():
        with open_verified(artifact_of()) as verified:
            (model / "evil").rename(model / "1" / "weights.bin")
            run(verified.path)

    with pytest.raises(ModelLoadError, match=r"weights\.bin: changed while it was loaded"):
        load()


def digest(artifact) -> str:
    with open_verified(artifact) as verified:
        return verified.digest()


def test_digest_is_that_of_the_contents_with_and_without_manifest(model, write, artifact_of):
    path = write(model / "1" / "model.pt", b"program")
    before = digest(artifact_of())
    os.utime(path, (1, 1))
    write_manifest(model / "1")
    assert digest(artifact_of()) == before
    write(path, b"Program")
    assert digest(artifact_of(manifest="ignored")) != before
