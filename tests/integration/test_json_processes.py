"""Bodies of large JSON at once are decoded by processes, which go with the server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.attacks.served_process import (
    ServedProcess,
    children,
    identity_model,
    infer_body,
    is_running,
)
from tests.integration.test_lifecycle import QUICK, ask, wait_for

ROWS = 60_000
"""Of four numbers: a body of 1.2 MB."""
CLIENTS = 6


@pytest.fixture
def server(tmp_path):
    with ServedProcess(identity_model(tmp_path), json_processes=2, **QUICK) as server:
        yield server


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """With both processes."""
    model = identity_model(tmp_path_factory.mktemp("models"))
    with ServedProcess(model, json_processes=2, **QUICK) as server:
        started(server)
        yield server


def firsts(server: ServedProcess, numbers: list[float]) -> list[float]:
    """The first number of each answer to bodies that begin with these, sent at once."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = list(
            clients.map(lambda number: ask(server, body=infer_body(number, ROWS)), numbers)
        )
    assert [status for status, _, _ in answers] == [200] * len(numbers)
    outputs = [answer["outputs"][0]["data"] for _, _, answer in answers]
    assert {len(data) for data in outputs} == {4 * ROWS}
    return [data[0] for data in outputs]


def started(server: ServedProcess) -> list[int]:
    """The pids of both processes, once large bodies have come at once."""

    def have_come() -> bool:
        firsts(server, [0.0] * CLIENTS)
        return len(children(server.pid)) == 2

    wait_for(have_come)
    return children(server.pid)


def test_each_client_gets_its_own_answer(shared):
    numbers = [float(number) for number in range(4 * CLIENTS)]

    assert firsts(shared, numbers) == numbers


def test_a_body_that_is_wrong_is_answered_400_with_the_place(shared):
    body = infer_body(1.5, ROWS).replace(b"1.5", b"null", 1)

    status, _, answer = ask(shared, body=body)

    assert status == 400
    assert "element 0 of `data` is null" in answer["error"]


def test_they_come_with_large_bodies_at_once_and_end_with_a_drain(server):
    assert ask(server)[0] == 200
    assert firsts(server, [7.0]) == [7.0]
    assert children(server.pid) == []
    pids = started(server)

    server.terminate()

    assert server.wait() == 0
    assert not any(map(is_running, pids))


def test_they_do_not_outlive_a_server_that_is_killed(server):
    pids = started(server)

    server.signal("SIGKILL")

    wait_for(lambda: not any(map(is_running, pids)))
