"""Volumes that are full, read-only or half-written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from longshore.repository.integrity import write_manifest
from longshore.repository.manifest import MAX_FILES
from tests.attacks import bad_versions
from tests.attacks.served_process import TOLD_SECONDS, ServedProcess, identity_model
from tests.integration.test_lifecycle import ask, wait_for

pytestmark = pytest.mark.timeout(TOLD_SECONDS + 60)
DIGITS = Path(__file__).parents[2] / "models" / "digits"
LONGSHORE = [sys.executable, "-m", "longshore.cli"]
UNDISTURBED = """
import math, sys
from longshore import cli
from longshore.loading.measurement import disturbance

disturbance.MOST_TAKEN = math.inf
sys.exit(cli.main(sys.argv[1:]))
"""
"""Keeps what it measures however busy the machine is."""
SLOW_COPY = """
import sys, time
content = open(sys.argv[1], "rb").read()
with open(sys.argv[2], "wb") as file:
    for start in range(0, len(content), 1024):
        file.write(content[start : start + 1024])
        file.flush()
        time.sleep(0.05)
"""


@pytest.fixture
def small_volume(tmp_path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    directory = tmp_path / "volume"
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", directory], check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount")
    yield directory
    subprocess.run(["umount", "--lazy", directory], check=True)


def fill(directory: Path) -> None:
    """Leave no byte free."""
    with (directory / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            return


def make_read_only(directory: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", directory], check=True)


def longshore(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*LONGSHORE, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def digits_model(directory: Path) -> Path:
    model = directory / "digits"
    shutil.copytree(DIGITS, model)
    return model


def version(server: ServedProcess) -> str:
    body = (DIGITS / "request.json").read_bytes()
    return ask(server, path="/v2/models/digits/infer", body=body)[2]["model_version"]


@pytest.mark.parametrize("has_manifest", [False, True])
def test_a_writer_that_is_killed_disturbs_nobody(tmp_path, has_manifest):
    model = digits_model(tmp_path)
    (model / "2").mkdir()
    whole = model / "1" / "model.onnx"
    if has_manifest:
        write_manifest(model / "1")
        shutil.copy(model / "1" / "manifest.json", model / "2")
    options = {"version_settle_seconds": 1.0, "model_poll_seconds": 0.2}
    with ServedProcess(model, **options) as server:
        writer = subprocess.Popen(
            [sys.executable, "-c", SLOW_COPY, whole, model / "2" / "model.onnx"]
        )
        wait_for(lambda: (model / "2" / "model.onnx").exists())
        time.sleep(0.5)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        server.wait_for_problem("model.onnx: ")
        failures = server.metric("longshore_model_load_failures_total")
        time.sleep(1.0)

        assert "version 2" in server.health()["problems"][0]
        assert server.health()["ready"]
        assert version(server) == "1"
        assert failures in (1, 2), "an empty directory may have been seen before"
        assert server.metric("longshore_model_load_failures_total") == failures, "not each poll"

        shutil.copy(whole, model / "2" / "new")
        os.rename(model / "2" / "new", model / "2" / "model.onnx")
        server.wait_ready("2")
        wait_for(lambda: "problems" not in server.health())
        assert version(server) == "2"


def test_a_manifest_is_whole_or_absent_whenever_its_writer_is_killed(tmp_path):
    directory = tmp_path / "model" / "1"
    directory.mkdir(parents=True)
    (directory / "model.identity").touch()
    (directory / "weights").write_bytes(bytes(60_000_000))
    ends = set()
    began = time.monotonic()
    assert longshore("manifest", directory.parent).returncode == 0
    whole_seconds = time.monotonic() - began
    for share in (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0, None):
        (directory / "manifest.json").unlink(missing_ok=True)
        writer = subprocess.Popen([*LONGSHORE, "manifest", directory.parent])
        if share is not None:
            time.sleep(share * whole_seconds)
            writer.send_signal(signal.SIGKILL)
        writer.wait()
        is_there = (directory / "manifest.json").exists()
        ends.add(is_there)
        if is_there:
            assert longshore("manifest", "--verify", directory.parent).returncode == 0

    assert ends == {False, True}


def test_a_manifest_that_finds_no_room_leaves_nothing_behind(small_volume):
    model = identity_model(small_volume)
    fill(small_volume)

    result = longshore("manifest", model)

    assert result.returncode == 1
    assert "No space left on device" in result.stderr
    assert "Traceback" not in result.stderr
    assert [path.name for path in (model / "1").iterdir()] == ["model.identity"]


def test_a_manifest_that_may_not_be_written_says_so(small_volume):
    model = identity_model(small_volume)
    make_read_only(small_volume)

    result = longshore("manifest", model)

    assert result.returncode == 1
    assert "Read-only file system" in result.stderr
    assert "Traceback" not in result.stderr


@contextmanager
def remembering(model: Path, cache: Path) -> Iterator[ServedProcess]:
    """A server that measures batches of at most four rows, to the end, or finds it in the cache."""
    options = {"calibration_budget_seconds": 60, "max_batch_size": 4, "version_settle_seconds": 0}
    program = ("-c", UNDISTURBED)
    with ServedProcess(model, calibration_cache=cache, program=program, **options) as server:
        yield server


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(fill, "No space left on device"), (make_read_only, "Read-only file system")],
)
def test_a_cache_that_cannot_be_written_costs_the_cache_alone(tmp_path, small_volume, spoil, words):
    spoil(small_volume)
    model = identity_model(tmp_path, "delay_seconds: 0.001\n")
    with remembering(model, small_volume) as server:
        assert ask(server)[0] == 200
        assert "calibration not cached" in server.log
        assert words in server.log
    assert [path.name for path in small_volume.iterdir()] in ([], ["filler"])


@pytest.fixture(scope="module")
def remembered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model, and the one record of a cache."""
    directory = tmp_path_factory.mktemp("remembered")
    model, cache = identity_model(directory, "delay_seconds: 0.001\n"), directory / "cache"
    with remembering(model, cache):
        pass
    [record] = cache.iterdir()
    return model, record


@pytest.mark.parametrize("content", [b"", b"{", b'{"cost": 5}', b"\xff\xfe", b"[" * 100_000])
def test_a_cache_that_was_damaged_is_measured_anew(tmp_path, remembered, content):
    model, good = remembered
    entry = tmp_path / good.name
    entry.write_bytes(content)
    with remembering(model, tmp_path) as server:
        assert ask(server)[0] == 200
    assert json.loads(entry.read_text()).keys() == json.loads(good.read_text()).keys()


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServedProcess, Path]]:
    """A server of version 1, and its model, to which versions are added."""
    model = digits_model(tmp_path_factory.mktemp("models"))
    with ServedProcess(model, version_settle_seconds=0.3, model_poll_seconds=0.2) as server:
        yield server, model


@pytest.fixture
def served(watching: tuple[ServedProcess, Path]) -> Iterator[tuple[ServedProcess, Path]]:
    """The same, without what a test adds as version 2."""
    server, model = watching
    yield server, model
    shutil.rmtree(model / "2")
    wait_for(lambda: "problems" not in server.health())


def make_more_files_than_are_listed(model: Path) -> None:
    (model / ".2").mkdir()
    shutil.copy(DIGITS / "1" / "model.onnx", model / ".2")
    for number in range(MAX_FILES + 1100):
        (model / ".2" / str(number)).touch()


def make_many_fields(model: Path) -> None:
    (model / ".2").mkdir()
    (model / ".2" / "model.onnx").write_bytes(b"\x12\x00" * 2**20)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (bad_versions.make_zeros, "no field begins at byte 0"),
        (bad_versions.make_truncated, "not an ONNX model"),
        (bad_versions.make_random, "not an ONNX model"),
        (bad_versions.make_tiny_files, "holds more than 10000 files"),
        (make_more_files_than_are_listed, "holds more than 11000 files"),
        (make_many_fields, "more fields than any model"),
    ],
)
def test_a_version_that_is_none_is_refused_by_name_and_what_serves_goes_on(
    served, monkeypatch, make: Callable[[Path], None], reason: str
):
    monkeypatch.setattr(bad_versions, "TINY_FILES", 10_500)
    server, model = served
    failures = server.metric("longshore_model_load_failures_total")
    make(model)
    (model / ".2").rename(model / "2")

    assert server.wait_for_problem(reason).startswith("version 2 is not served: ")
    assert len(server.health()["problems"]) == 1
    assert version(server) == "1"
    assert server.metric("longshore_model_load_failures_total") == failures + 1
    assert "Traceback" not in server.log


def test_a_copy_that_breaks_off_is_refused_by_name_and_what_serves_goes_on(served, monkeypatch):
    monkeypatch.setattr(bad_versions, "GROWS_SECONDS", 2.0)
    server, model = served
    bad_versions.grow(model)

    assert server.wait_for_problem("2/model.onnx").startswith("version 2 is not served: ")
    assert len(server.health()["problems"]) == 1
    assert version(server) == "1"
