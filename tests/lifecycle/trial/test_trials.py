"""A version is tried in a process of its own, whatever it does there."""

from __future__ import annotations

import os
import threading
import time
from types import SimpleNamespace

import pytest

from longshore.backends.devices.memory import DeviceMemory
from longshore.errors import ArtifactChanged
from longshore.lifecycle.trial.process_memory import anonymous_bytes
from longshore.lifecycle.trial.room import Room
from longshore.lifecycle.trial.verdict import FailureKind, TrialFailed, TrialStopped
from longshore.loading.load_options import LoadOptions
from longshore.loading.model_loader import load_model
from longshore.progress import Progress
from longshore.repository.model_config import ModelConfig
from tests.lifecycle.trial.conftest import make_trials, try_version

MIB = 2**20


def test_what_a_trial_found_out_is_what_the_load_takes_over(version):
    artifact = version("delay_seconds: 0.002")
    passed = try_version(artifact)

    options = LoadOptions(cpus=1, calibration_budget_seconds=0)
    loaded = load_model(artifact, ModelConfig(), options, tried=passed.findings)

    assert loaded.plan.source == "measured"
    assert loaded.plan.is_batched
    assert loaded.plan.cost is not None
    assert loaded.has_run
    loaded.close()


def test_a_version_on_which_no_input_works_passes_with_the_reason(version):
    passed = try_version(version("work_when: 12345"))

    assert "no sample input works" in passed.findings.run_problem
    assert passed.findings.record.plan.cost is None


def test_what_a_load_refuses_is_refused_with_the_same_words(version):
    with pytest.raises(TrialFailed, match=r"model\.identity: .*delay_seconds") as caught:
        try_version(version("delay_seconds: never"))
    assert caught.value.kind is FailureKind.REFUSED


def test_files_that_changed_since_their_trial_are_not_loaded(version):
    artifact = version()
    passed = try_version(artifact)
    artifact.path.write_text("delay_seconds: 0.001")

    with pytest.raises(ArtifactChanged):
        load_model(artifact, ModelConfig(), LoadOptions(cpus=1), tried=passed.findings)


@pytest.mark.usefixtures("_harmful")
@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGKILL"])
@pytest.mark.parametrize(
    ("when", "doing"),
    [
        ("load", "opening model.identity on cpu"),
        ("proof", "executing a batch of 3"),
        ("execute", "executing a batch of 1"),
    ],
)
def test_a_version_that_ends_its_process_is_refused_with_what_it_was_doing(
    version, name, when, doing
):
    with pytest.raises(
        TrialFailed, match=rf"killed by signal \d+ \({name}\) while {doing}"
    ) as caught:
        try_version(version(fault=f"{when} {name}"))
    assert caught.value.kind is FailureKind.CRASHED


@pytest.mark.usefixtures("_harmful")
@pytest.mark.parametrize("what", ["hang", "spin"])
def test_a_version_that_makes_no_progress_is_ended(version, what):
    with pytest.raises(TrialFailed, match="no progress for 2 s while opening") as caught:
        try_version(version(fault=f"load {what}"), seconds=20)
    assert caught.value.kind is FailureKind.HUNG


@pytest.mark.usefixtures("_harmful")
def test_a_version_that_takes_more_memory_than_is_free_is_refused_with_the_numbers(version):
    room = Room(free_bytes=200 * MIB, limit_bytes=1024 * MIB)
    expected = r"needs more than 200 MiB of memory, 200 MiB are free of a limit of 1\.0 GiB"
    with pytest.raises(TrialFailed, match=expected) as caught:
        try_version(version(fault="load allocate"), room=room)
    assert caught.value.kind is FailureKind.MEMORY


def test_a_version_larger_than_what_is_free_is_not_even_tried(version):
    with pytest.raises(TrialFailed, match="needs 2 MiB of memory, 1 MiB are free") as caught:
        try_version(version("#" * 2 * MIB), room=Room(MIB, 10 * MIB))
    assert caught.value.kind is FailureKind.MEMORY


def test_a_version_for_which_the_device_has_no_memory_is_refused_for_it(version):
    with pytest.raises(TrialFailed, match=r"model\.identity: no memory for 1 rows") as caught:
        try_version(version("max_device_rows: 0"))
    assert caught.value.kind is FailureKind.MEMORY
    assert caught.value.fits_alone


@pytest.mark.usefixtures("_harmful")
def test_a_trial_that_nobody_waits_for_ends_at_once(version):
    trials, ended = make_trials(), []

    def run() -> None:
        try:
            trials.run(version(fault="load hang"), ModelConfig(), None, progress)
        except TrialStopped as error:
            ended.append(error)

    progress = Progress()
    progress.start("version 1")
    thread = threading.Thread(target=run)
    thread.start()
    while "opening" not in str(progress._step):
        time.sleep(0.01)
    trials.stop()
    thread.join(10)

    assert len(ended) == 1


def test_the_memory_of_this_process_is_told():
    held = bytearray(b"x") * (64 * MIB)
    assert anonymous_bytes(os.getpid()) > len(held)
    assert anonymous_bytes(2**30) == 0


def test_a_version_that_has_no_room_on_the_device_of_the_one_that_serves_is_not_tried(version):
    memory = DeviceMemory(used=7 * MIB, reserved=8 * MIB, free=MIB, total=9 * MIB)
    beside = SimpleNamespace(backend=SimpleNamespace(device_memory=lambda: memory))
    artifact = version("#" * 2 * MIB)
    with pytest.raises(TrialFailed, match="needs 2 MiB of device memory: 7 MiB used") as caught:
        make_trials().run(artifact, ModelConfig(), beside, Progress())
    assert caught.value.kind is FailureKind.MEMORY
    assert caught.value.fits_alone


@pytest.mark.usefixtures("_harmful")
def test_the_cpu_time_of_trials_is_told_while_they_go_on_and_afterwards(version):
    trials, found = make_trials(seconds=20), []

    def read() -> None:
        while not is_over.wait(0.02):
            found.append(trials.cpu_seconds())

    is_over = threading.Event()
    reader = threading.Thread(target=read)
    reader.start()
    with pytest.raises(TrialFailed, match="no progress"):
        trials.run(version(fault="load spin"), ModelConfig(), None, Progress())
    is_over.set()
    reader.join()

    assert found == sorted(found)
    assert 1.0 < found[-1] <= trials.cpu_seconds()
