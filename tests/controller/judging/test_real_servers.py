"""Servers that are asked, read by their management ports, and judged by what they counted."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from longshore_k8s.api import Json
from longshore_k8s.controller.judging import rollout
from longshore_k8s.controller.judging.verdict import Action, Objective, StepFacts, StepVerdict
from longshore_k8s.controller.pod_counters import look_at
from tests.attacks.served_process import ServedProcess, identity_model, infer_body
from tests.controller.pods import pod

BREAKS, LATE_SECONDS, SLOW_SECONDS = 13.0, 0.3, 0.25
OBJECTIVE = Objective(tolerated_bad_ratio=0.05, bake_seconds=0.0)
STEP = StepFacts(age_seconds=10.0, share=0.25)
PER_LOOK = 10
"""Requests to the canary; stable gets thrice as many."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ServedProcess]]:
    folder = tmp_path_factory.mktemp("models")
    behaviours = {
        "stable": f"break_when: {BREAKS}\n",
        "canary": f"break_when: {BREAKS}\n",
        "late": f"delay_seconds: {LATE_SECONDS}\n",
    }
    with ExitStack() as stack:
        yield {name: stack.enter_context(_serve(folder, name, b)) for name, b in behaviours.items()}


def _serve(folder: Path, name: str, behaviour: str) -> ServedProcess:
    model = identity_model(folder / name, behaviour)
    return ServedProcess(model, instances=1, threads=1, max_batch_size=0)


def ask(server: ServedProcess, *values: float) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    for value in values:
        connection.request("POST", "/v2/models/echo/infer", infer_body(value))
        connection.getresponse().read()
    connection.close()


def invalid(server: ServedProcess, count: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    for _ in range(count):
        connection.request("POST", "/v2/models/echo/infer", b'{"inputs": []}')
        connection.getresponse().read()
    connection.close()


class Judged:
    """A rollout of `canary` beside `stable`, both of which were asked before it began."""

    def __init__(self, stable: ServedProcess, canary: ServedProcess) -> None:
        ask(stable, BREAKS, 1.0)
        ask(canary, 1.0, 1.0)
        self._pods = (
            [pod("s", stable.management_port)],
            [pod("c", canary.management_port)],
        )
        self.kept: Json = rollout.begin(look_at(*self._pods, SLOW_SECONDS))

    def look(self) -> StepVerdict:
        look = look_at(*self._pods, SLOW_SECONDS)
        found, self.kept = rollout.judge(self.kept, look, OBJECTIVE, STEP)
        return found


def test_a_canary_that_answers_as_stable_does_goes_on(servers):
    judged = Judged(servers["stable"], servers["canary"])
    assert judged.look().reason == "AwaitingTraffic"
    ask(servers["stable"], *[1.0] * 180)
    ask(servers["canary"], *[1.0] * 59)
    assert judged.look().reason == "MoreRequestsNeeded"
    ask(servers["canary"], 1.0)

    assert judged.look().action is Action.ADVANCE
    assert rollout.figures(judged.kept) == {"requests": 60, "bad": 0, "evidence": 1.0}


def test_a_canary_that_fails_a_tenth_is_taken_back(servers):
    judged = Judged(servers["stable"], servers["canary"])
    looks, found = 0, None
    while found is None or found.action is not Action.ROLL_BACK:
        looks += 1
        assert looks * PER_LOOK <= 85, found
        ask(servers["stable"], *[1.0] * 3 * PER_LOOK)
        ask(servers["canary"], *[1.0] * (PER_LOOK - 1), BREAKS)
        found = judged.look()

    assert found.reason == "ErrorsAboveStable"
    assert f"{looks} of {looks * PER_LOOK} requests to the canary were bad, 0 of" in found.message


def test_what_fails_at_both_alike_is_held(servers):
    judged = Judged(servers["stable"], servers["canary"])
    ask(servers["stable"], *[BREAKS, 1.0, 1.0] * 60)
    ask(servers["canary"], *[BREAKS, 1.0, 1.0] * 20)

    assert judged.look().reason == "BothFail"


def test_a_canary_that_answers_too_late_is_taken_back(servers):
    judged = Judged(servers["stable"], servers["late"])
    ask(servers["stable"], *[1.0] * 3 * PER_LOOK)
    ask(servers["late"], *[1.0] * PER_LOOK)
    found = judged.look()

    assert (found.action, found.reason) == (Action.ROLL_BACK, "SlowerThanStable")


def test_a_canary_whose_signature_broke_is_taken_back(servers):
    judged = Judged(servers["stable"], servers["canary"])
    ask(servers["stable"], *[1.0] * 3 * PER_LOOK)
    invalid(servers["canary"], PER_LOOK)
    found = judged.look()

    assert (found.action, found.reason) == (Action.ROLL_BACK, "InvalidRose")
