"""Which version is pushed, and what is found before anything is sent."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from longshore.errors import ModelLoadError
from longshore_k8s.push.model_to_push import choose

MODEL = "models/digits/1/model.onnx"


@pytest.fixture
def versions(tmp_path):
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        shutil.copy(MODEL, tmp_path / version / "model.onnx")
    return tmp_path


def test_the_newest_version_is_pushed_unless_another_is_named(versions):
    assert choose(versions, None, runs=False).version == "2"
    assert choose(versions, 1, runs=False).version == "1"


def test_a_version_that_is_not_there_is_told(versions):
    with pytest.raises(ModelLoadError, match="version 7, which is not there"):
        choose(versions, 7, runs=False)


@pytest.mark.parametrize(("number", "version"), [(None, "1"), (4, "4")])
def test_a_lone_artifact_gets_a_number_and_leaves_the_config_where_it_is(tmp_path, number, version):
    shutil.copy(MODEL, tmp_path / "model.onnx")
    (tmp_path / "config.yaml").write_text("max_batch_size: 2\n")
    (tmp_path / ".gitignore").write_text("*")

    found = choose(tmp_path, number, runs=False)

    assert (found.version, list(found.manifest.files)) == (version, ["model.onnx"])
    assert found.config == "max_batch_size: 2\n"


def test_what_would_be_served_is_printed_as_inspect_does(versions, capsys):
    choose(versions, None, runs=True)

    assert "version 2: model.onnx (onnx)" in capsys.readouterr().out


def test_what_would_not_be_served_is_not_pushed(versions, capsys):
    (versions / "2/model.onnx").write_bytes(b"not a model")

    with pytest.raises(ModelLoadError, match="would not be served"):
        choose(versions, None, runs=True)
    assert "version 2 is not served" in capsys.readouterr().out


def test_a_version_unlike_its_manifest_is_not_pushed(versions):
    from longshore.repository.integrity import write_manifest

    write_manifest(versions / "2")
    content = bytearray((versions / "2/model.onnx").read_bytes())
    content[-1] ^= 1
    (versions / "2/model.onnx").write_bytes(content)

    with pytest.raises(ModelLoadError, match="SHA-256"):
        choose(versions, None, runs=False)


def test_a_file_is_no_directory_of_a_model():
    with pytest.raises(ModelLoadError, match="not a directory of a model"):
        choose(Path(MODEL), None, runs=False)
