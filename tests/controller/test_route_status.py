"""What an HTTPRoute's status says of whether its newest weights hold."""

from __future__ import annotations

import pytest

from longshore_k8s.controller.live import LiveObject
from longshore_k8s.controller.route_status import RouteStatus

FRONT = {"name": "front"}
UNSEEN = "Gateway front has not seen the newest weights."


def condition(kind, status="True", generation=3, **said):
    return {"type": kind, "status": status, "observedGeneration": generation, **said}


def good(generation=3):
    return [condition(kind, generation=generation) for kind in ("Accepted", "ResolvedRefs")]


def route(*said, parents=(FRONT,)):
    """With what controllers say: pairs of a parent and its conditions."""
    entries = [
        {"parentRef": parent, "controllerName": "example.com/c", "conditions": conditions}
        for parent, conditions in said
    ]
    return {
        "kind": "HTTPRoute",
        "metadata": {"name": "text", "namespace": "models", "generation": 3},
        "spec": {"parentRefs": list(parents)},
        "status": {"parents": entries},
    }


def test_it_is_taken_once_every_parent_has_accepted_its_newest_generation():
    back = {"name": "back", "namespace": "edge", "sectionName": "https"}
    whole = route((FRONT, good()), (back, good()), parents=(FRONT, back))
    half = route((FRONT, good()), (back, good(2)), parents=(FRONT, back))

    assert RouteStatus.read(whole) == RouteStatus()
    sentence = "Gateway back (https) has not seen the newest weights."
    assert RouteStatus.read(half) == RouteStatus(untaken=sentence, unseen=sentence)


@pytest.mark.parametrize(
    "conditions",
    [
        [],
        good(2),
        [condition("Accepted"), condition("ResolvedRefs", generation=2)],
        [condition("Accepted")],
        [condition("Accepted", "Unknown"), condition("ResolvedRefs")],
        [condition("Accepted", "False", generation=2), condition("ResolvedRefs")],
    ],
)
def test_it_is_not_taken_before_its_newest_generation_is_known_to_hold(conditions):
    found = RouteStatus.read(route((FRONT, conditions)))

    assert (found.untaken, found.refused) == (UNSEEN, "")


@pytest.mark.parametrize(
    ("conditions", "sentence"),
    [
        (
            [condition("Accepted", "False", reason="NotAllowedByListeners"), *good()[1:]],
            "Gateway front: Accepted is False: NotAllowedByListeners.",
        ),
        (
            [good()[0], condition("ResolvedRefs", "False", reason="NotFound", message="No x.")],
            "Gateway front: ResolvedRefs is False: NotFound: No x.",
        ),
        (
            [*good(), condition("PartiallyInvalid", reason="UnsupportedValue")],
            "Gateway front: PartiallyInvalid: UnsupportedValue.",
        ),
    ],
)  # fmt: skip
def test_a_refusal_of_its_newest_generation_is_told_by_the_gateways_own_words(conditions, sentence):
    found = RouteStatus.read(route((FRONT, conditions)))

    assert found == RouteStatus(untaken=sentence, refused=sentence)


def test_a_parent_that_has_said_nothing_has_not_taken_it_and_sends_it_nothing():
    found = RouteStatus.read(route())

    assert found.untaken == "Gateway front has said nothing of the route."
    assert found.unseen == ""


def test_a_parent_that_took_an_earlier_generation_has_not_seen_the_newest():
    assert RouteStatus.read(route((FRONT, good(2)))).unseen == UNSEEN


def test_what_a_parent_says_that_is_no_longer_named_does_not_count():
    other = {"name": "other"}

    assert RouteStatus.read(route((FRONT, good()), (other, good(1)))) == RouteStatus()


def test_defaults_that_a_controller_writes_out_name_the_same_parent():
    defaults = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "models"}
    written = {**defaults, **FRONT}

    assert RouteStatus.read(route((written, good()))) == RouteStatus()


def test_a_backend_has_requests_where_a_rule_gives_it_weight():
    document = route((FRONT, good()))
    backends = [{"name": "a", "weight": 90}, {"name": "b", "weight": 0}, {"name": "c"}]
    document["spec"]["rules"] = [{"filters": []}, {"backendRefs": backends}]

    assert RouteStatus.read(document).backends == {"a", "c"}


def test_it_is_read_of_routes_alone():
    document = route((FRONT, good(2)))
    document["metadata"] |= {"uid": "u", "resourceVersion": "1"}

    assert LiveObject.read(document).route.untaken == UNSEEN
    assert LiveObject.read({**document, "kind": "Ingress"}).route == RouteStatus()
