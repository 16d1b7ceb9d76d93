from __future__ import annotations

import sys

import pytest

from longshore.cli import main
from longshore_k8s.controller.models_command import row_of, table
from longshore_k8s.controller.wanted import Refusal
from tests.controller.world import World, rendered


def test_the_table_says_of_each_why_it_is_as_it_is():
    serving = World([rendered("Deployment")], spec={"values": {"model": {"version": 3}}})
    serving.turn()
    refused = World([rendered("Deployment")], served=frozenset())
    refused.turn()
    new = World([])
    rows = [row_of(world.resource.document) for world in (serving, refused, new)]

    assert table(rows) == (
        "NAMESPACE  NAME  READY    PODS  VERSION  REASON       MESSAGE\n"
        "models     text  True     1     3        Serving      1 of 1 pods are ready.\n"
        "models     text  False    0     -        KindMissing  The cluster has no Deployment of"
        " apps/v1; the object is left out.\n"
        "models     text  Unknown  0     -        NotSeen      No controller has seen its newest"
        " spec.\n"
    )


def test_a_rollout_says_what_was_seen_so_far_and_why_it_waits():
    rolling = World([rendered("Deployment")], spec={"version": 4})
    rolling.turn()
    rolling.status |= {
        "servedVersion": 3,
        "candidateVersion": 4,
        "rollout": {
            "stage": "Step", "step": 1, "steps": 2, "share": 33.3, "requests": 41, "bad": 0,
            "evidence": 1.0, "verdict": "Hold", "reason": "MoreRequestsNeeded",
            "message": "41 of 300 requests were counted at the canary in this step.",
        },
    }  # fmt: skip
    other = World([rendered("Deployment")], spec={"values": {"model": {"version": 3}}})
    other.turn()
    rows = [row_of(world.resource.document) for world in (rolling, other)]

    assert table(rows) == (
        "NAMESPACE  NAME  READY  PODS  VERSION  CANDIDATE  STAGE     SHARE  REQUESTS  BAD"
        "  EVIDENCE  VERDICT  REASON              MESSAGE\n"
        "models     text  True   1     3        4          Step 1/2  33.3%  41        0"
        "    1         Hold     MoreRequestsNeeded  41 of 300 requests were counted at the canary"
        " in this step.\n"
        "models     text  True   1     3        -          -         -      -         -"
        "    -         -        Serving             1 of 1 pods are ready.\n"
    )


def test_a_pause_is_said_before_what_its_rollout_waits_for():
    world = World([rendered("Deployment")], spec={"paused": True})
    world.turn()
    world.status["rollout"] = {"stage": "Step", "reason": "BakeTime", "message": "3 of 60 s."}

    assert row_of(world.resource.document)["reason"] == "Paused"


def test_what_stalls_a_model_is_said_before_what_its_rollout_waits_for():
    world = World([rendered("Deployment")], refuses=Refusal("ValuesRefused", "no such value"))
    world.turn()
    world.status["rollout"] = {"stage": "Step", "reason": "BakeTime", "message": "10 of 60 s."}

    assert row_of(world.resource.document)["reason"] == "ValuesRefused"


def test_a_spec_that_no_controller_has_seen_is_not_said_to_be_well():
    world = World([rendered("Deployment")])
    world.turn()
    world.generation = 2

    assert row_of(world.resource.document)["reason"] == "NotSeen"


def test_a_wide_table_says_what_a_pod_computes():
    world = World([rendered("Deployment")], spec={"version": 3})
    world.turn()
    world.status |= {"servedVersion": 3, "capacityPerPod": 1234.0}

    assert table([row_of(world.resource.document)], is_wide=True) == (
        "NAMESPACE  NAME  READY  PODS  VERSION  CAPACITY  REASON   MESSAGE\n"
        "models     text  True   1     3        1234      Serving  1 of 1 pods are ready.\n"
    )


def test_nothing_is_a_sentence():
    assert table([]) == "There is no LongshoreModel here.\n"


def test_without_the_library_that_asks_clusters_its_extra_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """As where `longshore[controller]` alone is installed, in the controller's image."""
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    monkeypatch.delitem(sys.modules, "longshore_k8s.client", raising=False)

    assert main(["models"]) == 2
    said = capsys.readouterr().err
    assert "models needs the extra 'k8s' (no module kubernetes): pip install" in said
