"""What a process remembers of versions that ended the one before it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from longshore.lifecycle.crash_marks import CrashMarks
from longshore.repository.layout import Artifact, ArtifactFormat
from longshore.repository.model_config import ModelConfig

CONFIG = ModelConfig()


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    path = tmp_path / "echo" / "2" / "model.identity"
    return Artifact(
        "echo", "2", path.parent, path, ArtifactFormat.IDENTITY, fingerprint="of these files"
    )


def next_process(directory: Path) -> CrashMarks:
    return CrashMarks(directory, process="1 99")


def test_a_version_that_was_begun_and_not_ended_is_found_by_the_next_process(artifact, tmp_path):
    CrashMarks(tmp_path, process="1 98").begin(artifact, CONFIG)

    mark = next_process(tmp_path).find(artifact, CONFIG)

    assert mark is not None
    assert (mark.ends, mark.refusal) == (1, "")


def test_a_version_that_ended_in_order_is_not_found(artifact, tmp_path):
    marks = CrashMarks(tmp_path, process="1 98")
    marks.begin(artifact, CONFIG)
    marks.end(artifact, CONFIG)

    assert next_process(tmp_path).find(artifact, CONFIG) is None
    assert list(tmp_path.iterdir()) == []


def test_a_version_that_ended_the_process_twice_is_refused(artifact, tmp_path):
    CrashMarks(tmp_path, process="1 97").begin(artifact, CONFIG)
    CrashMarks(tmp_path, process="1 98").begin(artifact, CONFIG)

    mark = next_process(tmp_path).find(artifact, CONFIG)

    assert mark is not None
    assert mark.refusal == "the process ended 2 times while it was tried or loaded"


def test_a_reason_is_remembered_until_somebody_asks(artifact, tmp_path):
    marks = CrashMarks(tmp_path, process="1 98")
    marks.begin(artifact, CONFIG)
    marks.end(artifact, CONFIG, "killed by signal 11")

    later = next_process(tmp_path)
    mark = later.find(artifact, CONFIG)
    assert mark is not None
    assert mark.refusal == "killed by signal 11 (remembered from an earlier start)"

    later.forget()
    assert next_process(tmp_path).find(artifact, CONFIG) is None


@pytest.mark.parametrize(
    ("files", "config"), [("of others", CONFIG), ("of these files", ModelConfig(max_batch_size=3))]
)
def test_other_files_or_another_config_are_another_version(artifact, tmp_path, files, config):
    CrashMarks(tmp_path, process="1 98").begin(artifact, CONFIG)
    other = replace(artifact, fingerprint=files)

    assert next_process(tmp_path).find(other, config) is None


def test_what_another_process_is_at_is_none_of_ours(artifact, tmp_path):
    code = (
        "import sys; from longshore.lifecycle.crash_marks import *; import pickle;"
        "a, c, d = pickle.load(sys.stdin.buffer); CrashMarks(d).begin(a, c); print('begun');"
        "sys.stdout.flush(); sys.stdin.read(); import time; time.sleep(60)"
    )
    import pickle

    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdin.write(pickle.dumps((artifact, CONFIG, tmp_path)))
        other.stdin.flush()
        assert other.stdout.readline() == b"begun\n"
        assert CrashMarks(tmp_path).find(artifact, CONFIG) is None
        other.kill()
    assert CrashMarks(tmp_path).find(artifact, CONFIG) is not None


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"format": 2}', json.dumps({"model": "echo", "version": 2}), "[" * 10_000],
)
def test_a_file_that_no_process_wrote_is_ignored(artifact, tmp_path, content):
    CrashMarks(tmp_path, process="1 98").begin(artifact, CONFIG)
    (file,) = tmp_path.iterdir()
    file.write_text(content)

    assert next_process(tmp_path).find(artifact, CONFIG) is None


def test_a_directory_that_cannot_be_written_costs_the_memory_alone(artifact, tmp_path):
    (tmp_path / "file").write_text("")
    marks = CrashMarks(tmp_path / "file", process="1 98")
    marks.begin(artifact, CONFIG)
    marks.end(artifact, CONFIG)
