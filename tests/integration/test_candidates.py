"""Versions that harm the process which loads them, beside one that serves and at a cold start."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from longshore.lifecycle.trial.verdict import FailureKind
from tests.attacks.candidate_rows import FAULTS
from tests.attacks.served_process import (
    IDENTITY,
    TOLD_SECONDS,
    ServedProcess,
    children,
    identity_model,
    infer_body,
    is_running,
)

pytestmark = pytest.mark.timeout(TOLD_SECONDS + 60)
QUICK = {"version_settle_seconds": 0, "model_poll_seconds": 0.2}


@pytest.fixture(autouse=True)
def _harmful(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(FAULTS))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """One good version."""
    return identity_model(tmp_path / "models")


def publish(model: Path, version: str, fault: str = "") -> None:
    draft = model / f".{version}"
    draft.mkdir()
    (draft / "model.identity").write_text(IDENTITY)
    if fault:
        (draft / "fault").write_text(fault)
    draft.rename(model / version)


def ask(server: ServedProcess) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("POST", "/v2/models/echo/infer", infer_body())
        return connection.getresponse().status
    finally:
        connection.close()


@contextmanager
def asking(server: ServedProcess) -> Iterator[Counter[int]]:
    """Requests one after the other meanwhile; their statuses."""
    statuses: Counter[int] = Counter()
    is_over = threading.Event()

    def ask_on() -> None:
        while not is_over.wait(0.005):
            statuses[ask(server)] += 1

    thread = threading.Thread(target=ask_on)
    thread.start()
    try:
        yield statuses
    finally:
        is_over.set()
        thread.join()


@pytest.fixture(scope="module")
def trying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServedProcess, Path]]:
    """A server that takes 3 s without progress for a hang, and its model, to which versions are
    added; the imports of a trial may take a second on a busy machine.
    """
    model = identity_model(tmp_path_factory.mktemp("models"))
    settings = {**QUICK, "trial_timeout_seconds": 30}
    with ServedProcess(model, environment={"PYTHONPATH": str(FAULTS)}, **settings) as server:
        yield server, model


@pytest.mark.parametrize(
    ("fault", "outcome", "reason"),
    [
        ("load SIGSEGV", "crashed", "killed by signal 11 (SIGSEGV) while opening"),
        ("proof SIGABRT", "crashed", "killed by signal 6 (SIGABRT) while executing a batch of 3"),
        ("execute SIGKILL", "crashed", "killed by signal 9 (SIGKILL) while executing a batch of 1"),
        ("load hang", "hung", "no progress for 3 s while opening"),
        ("execute hang", "hung", "no progress for 3 s while executing a batch of 1"),
        ("proof spin", "hung", "no progress for 3 s while executing a batch of 3"),
        ("load python", "refused", "ZeroDivisionError while loading"),
    ],
)
def test_a_version_that_harms_its_process_does_not_harm_the_one_that_serves(
    trying, fault, outcome, reason
):
    server, model = trying
    newest = max(int(path.name) for path in model.iterdir())
    harmful, good = str(newest + 1), str(newest + 2)

    def trials() -> Counter[str]:
        """That were judged; one which got no CPU is begun again."""
        name, judged = "longshore_candidate_trials_total", set(FailureKind) - {FailureKind.STARVED}
        return Counter({kind: int(server.metric(name, outcome=kind)) for kind in judged})

    before = trials()
    with asking(server) as statuses:
        publish(model, harmful, fault)
        server.wait_for_problem(f"version {harmful} is not served: {reason}")
        assert trials() - before == {outcome: 1}
        publish(model, good)
        server.wait_ready(good)

    assert statuses.keys() == {200}


def test_a_newest_version_that_ends_the_process_at_a_start_is_not_the_first_of_the_next(
    model, tmp_path
):
    publish(model, "2", "load SIGSEGV")
    settings = {**QUICK, "calibration_cache": tmp_path / "cache"}
    first = ServedProcess(model, **settings)
    assert first.wait() == -11
    first.stop()

    with ServedProcess(model, **settings) as second:
        assert second.health()["versions"]["1"] == "READY"
        second.wait_for_problem("version 2 is not served: killed by signal 11 (SIGSEGV)")
        assert ask(second) == 200

    with ServedProcess(model, **settings) as third:
        third.wait_for_problem("remembered from an earlier start")


def test_an_only_version_that_ends_the_process_leaves_the_next_running_with_the_reason(
    tmp_path,
):
    model = tmp_path / "echo"
    model.mkdir()
    publish(model, "1", "execute SIGABRT")
    settings = {**QUICK, "calibration_cache": tmp_path / "cache"}
    first = ServedProcess(model, **settings)
    assert first.wait() == -6
    first.stop()

    second = ServedProcess(model, **settings)
    try:
        second.wait_for_problem("killed by signal 6 (SIGABRT) while executing a batch of 1")
        assert second.health()["ready"] is False
        publish(model, "2")
        second.wait_ready("2")
    finally:
        second.stop()


def test_a_mark_that_was_left_by_a_node_that_lost_power_heals(model, tmp_path, monkeypatch):
    settings = {**QUICK, "calibration_cache": tmp_path / "cache"}
    publish(model, "2", "load hang")
    first = ServedProcess(model, **settings)
    while not list(tmp_path.glob("cache/begun-*")):
        time.sleep(0.05)
    first.signal("SIGKILL")
    first.wait()
    first.stop()
    monkeypatch.setenv("FAULTS_OFF", "1")

    with ServedProcess(model, **settings) as second:
        second.wait_ready("2")
        assert not list(tmp_path.glob("cache/begun-*"))


def test_a_stop_signal_during_a_load_is_no_crash(model, tmp_path):
    settings = {**QUICK, "calibration_cache": tmp_path / "cache"}
    publish(model, "2", "load hang")
    server = ServedProcess(model, **settings)
    while not list(tmp_path.glob("cache/begun-*")):
        time.sleep(0.05)
    server.stop()

    assert not list(tmp_path.glob("cache/begun-*"))


def test_a_trial_is_seen_while_it_goes_on(model):
    with ServedProcess(model, **QUICK, repository_api=True) as server:
        publish(model, "2", "load hang")
        while server.health()["versions"].get("2") != "TRYING":
            time.sleep(0.05)
        assert server.metric("longshore_candidate_trying") == 1
        assert server.health()["ready"] is True
        server.terminate()
        assert server.wait() == 0


def test_a_child_does_not_outlive_the_server(model):
    with ServedProcess(model, **QUICK) as server:
        publish(model, "2", "load hang")
        while server.health()["versions"].get("2") != "TRYING" or not children(server.pid):
            time.sleep(0.05)
        (child,) = children(server.pid)
        server.signal("SIGKILL")
        server.wait()
        deadline = time.monotonic() + 10
        while is_running(child) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not is_running(child)
