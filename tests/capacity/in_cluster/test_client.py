"""The client's part, against a real server of this machine, and what is heard of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from longshore_k8s.capacity.command import COMMAND
from longshore_k8s.capacity.in_cluster.task import ClientTask, Told
from longshore_k8s.capacity.local_pod import local_pod
from longshore_k8s.capacity.objective import parse_objective
from longshore_k8s.capacity.pace import Pace
from longshore_k8s.capacity.unsound import UnsoundError
from longshore_k8s.capacity.wanted import Wanted

MODEL = Path(__file__).parents[3] / "models/digits"
SHORT = Pace(60, (0.3, 0.5), 100, (0.3, 0.5), burst_seconds=0.4, overload_seconds=0.3)
WANTED = Wanted(parse_objective("p99=30s", "50%"), is_noise_allowed=True, pace=SHORT)
OPTIONS = ("--instances", "1", "--threads", "1", "--calibration-budget-seconds", "1")


def run_task(document: dict, folder: Path, capsys) -> tuple[int, str]:
    """The exit code and the log of `longshore capacity --task`."""
    import argparse

    file = folder / "task.json"
    file.write_text(json.dumps(document))
    parser = argparse.ArgumentParser()
    COMMAND.add_arguments(parser)
    code = COMMAND.run(parser.parse_args([f"--task={file}"]))
    return code, capsys.readouterr().out


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs a core for the client")
def test_what_a_client_says_of_a_real_server_is_a_measurement(tmp_path, capsys):
    with local_pod(MODEL, 1.0, OPTIONS) as server:
        server.start(str(server.work / "calibrations"))
        task = ClientTask(server.address, server.management, "digits", WANTED)
        code, log = run_task(task.document(), tmp_path, capsys)

    told, steps = [], []
    heard = Told(told.append, steps.append)
    heard.take(log)
    assert code == 0
    assert heard.measured is not None
    assert heard.measured.knee > 50
    assert heard.measured.memory_peak > 30 * 2**20
    assert list(heard.measured.steps) == steps
    assert {"fit", "check", "overload"} <= {step["purpose"] for step in steps}
    assert any(text.startswith("closed burst") for text in told)
    assert heard.versions.startswith("longshore ")


def test_a_server_that_is_not_there_is_an_error_in_words(tmp_path, capsys):
    from longshore_k8s.capacity.client_process import Address

    nowhere = Address("127.0.0.1", 1)
    code, log = run_task(
        ClientTask(nowhere, nowhere, "digits", WANTED).document(), tmp_path, capsys
    )

    assert code == 1
    with pytest.raises(UnsoundError, match="refused"):
        Told(lambda text: None, lambda step: None).take(log)


def test_a_task_of_another_version_says_so(tmp_path, capsys):
    code, log = run_task({"format": 0}, tmp_path, capsys)

    assert code == 1
    with pytest.raises(UnsoundError, match="take the `longshore` of the image's version"):
        Told(lambda text: None, lambda step: None).take(log)


def test_a_log_is_heard_once_and_to_its_last_whole_line():
    told = []
    heard = Told(told.append, lambda step: None)

    for log in ('{"tell": "one"}\n{"te', '{"tell": "one"}\n{"tell": "two"}\nwarning: x\n'):
        heard.take(log)

    assert told == ["one", "two"]
    assert heard.last_words == "warning: x"
