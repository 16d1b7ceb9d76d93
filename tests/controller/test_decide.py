from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore_k8s.controller import kinds
from longshore_k8s.controller.decide import decide
from longshore_k8s.controller.decision import Apply, Delete, HandOverReplicas
from longshore_k8s.controller.live import Pods
from longshore_k8s.controller.wanted import Refusal, remembered
from tests.controller.world import (
    EVERY_KIND,
    NAME,
    NAMESPACE,
    UID,
    World,
    keys,
    of_release,
    rendered,
    stranger,
)

ALWAYS = [rendered("Deployment"), rendered("Service"), rendered("ConfigMap")]
RENDERS = st.lists(
    st.builds(
        rendered,
        st.sampled_from(sorted(EVERY_KIND)),
        st.sampled_from([NAME, f"{NAME}-more"]),
        weight=st.integers(0, 2),
    ),
    unique_by=lambda one: (one["kind"], one["metadata"]["name"]),
    max_size=10,
)


@given(first=RENDERS, then=RENDERS)
def test_deciding_twice_is_deciding_once(first, then):
    world = World(first)
    world.turn()
    world.wanted = then
    world.turn()
    status, made = world.status, len(world.writes)
    world.turn()

    assert len(world.writes) == made
    assert world.status == status


@given(first=RENDERS, then=RENDERS, dies_after=st.integers(0, 25))
def test_a_death_after_any_write_ends_in_the_same_state(first, then, dies_after):
    died, undisturbed = World(first), World(first)
    for world in (died, undisturbed):
        world.turn()
        world.wanted = then
    died.turn(dies_after=dies_after)
    died.turn()
    undisturbed.turn()

    assert died.objects == undisturbed.objects
    assert died.status == undisturbed.status


@given(first=RENDERS, then=RENDERS)
def test_what_is_there_is_what_is_rendered_and_the_claims_that_were(first, then):
    world = World(first)
    world.turn()
    world.wanted = then
    world.turn()
    wanted = {(one["kind"], one["metadata"]["name"]) for one in then}
    claims = {key for key in world.objects if key[0] == kinds.CLAIM.name}

    assert set(world.objects) == wanted | claims


@given(wanted=RENDERS, served=st.sets(st.sampled_from(sorted(EVERY_KIND - kinds.ALWAYS_THERE))))
def test_kinds_that_the_cluster_does_not_have_are_left_out_and_said(wanted, served):
    world = World(wanted, served=kinds.ALWAYS_THERE | served)
    world.turn()
    lacking = {one["kind"] for one in wanted} - world.served

    assert {kind for kind, _ in world.objects} <= world.served
    assert (world.condition("Degraded")["reason"] == "KindMissing") == bool(lacking)
    assert all(kind in world.condition("Degraded")["message"] for kind in lacking)


@given(wanted=RENDERS.filter(bool), index=st.integers(0, 9))
def test_a_strangers_object_is_never_written_and_nothing_else_is(wanted, index):
    taken = wanted[index % len(wanted)]
    key = taken["kind"], taken["metadata"]["name"]
    world = World(wanted, objects={key: stranger()})
    decision = world.turn()

    assert world.writes == []
    assert world.objects == {key: stranger()}
    assert world.condition("Stalled")["reason"] == "NotOurs"
    assert " ".join(key) in world.condition("Stalled")["message"]
    assert decision.requeue_seconds == 60.0


def test_the_object_of_another_resource_is_a_strangers():
    world = World(ALWAYS, objects={("Service", NAME): stranger(owners=("u",), model_owner="other")})
    world.turn()

    assert world.writes == []
    assert world.condition("Stalled")["reason"] == "NotOurs"


def test_objects_are_applied_in_the_order_in_which_they_are_needed_and_deleted_in_the_other():
    world = World([*ALWAYS, rendered("HorizontalPodAutoscaler"), rendered("ServiceAccount")])
    world.turn()
    order = ["ServiceAccount", "ConfigMap", "Service", "Deployment", "HorizontalPodAutoscaler"]
    assert keys(world.writes) == [f"{kind} {NAME}" for kind in order]

    world.wanted, world.writes = [], []
    world.turn()
    assert keys(world.writes) == [f"{kind} {NAME}" for kind in reversed(order)]


def test_an_edited_and_a_deleted_object_are_restored_with_one_event():
    world = World(ALWAYS)
    world.turn()
    world.edit(("ConfigMap", NAME))
    del world.objects["Service", NAME]
    (event,) = decide(world.observed()).events

    assert event.reason == "DriftRestored"
    assert "ConfigMap" in event.message
    assert "Service" in event.message
    assert "Deployment" not in event.message
    world.turn()
    assert world.objects["ConfigMap", NAME].fields == world.status["inventory"][0]["fields"]


def test_a_paused_resource_is_not_written_and_says_what_would_be():
    world = World(ALWAYS, spec={"paused": True})
    world.turn()

    assert world.writes == []
    assert world.condition("Reconciling")["reason"] == "Paused"
    assert "Deployment text" in world.condition("Reconciling")["message"]


def test_what_the_chart_refuses_leaves_what_serves_untouched():
    world = World(ALWAYS)
    world.turn()
    before = dict(world.objects), world.status["inventory"], world.status["url"]
    world.refuses, world.generation = Refusal("ValuesRefused", "replicas: 0 is not enough"), 2
    world.turn()

    assert (world.objects, world.status["inventory"], world.status["url"]) == before
    assert world.condition("Stalled")["message"] == "replicas: 0 is not enough"
    assert world.condition("Ready")["status"] == "True"
    assert world.status["reason"] == "ValuesRefused"


def test_what_the_api_server_will_not_take_is_said_and_tried_again_later():
    world = World(ALWAYS)
    observed = replace(world.observed(), refused={("Deployment", NAME): "field is immutable"})
    decision = decide(observed)

    assert decision.writes == ()
    (stalled,) = [one for one in decision.status["conditions"] if one["type"] == "Stalled"]
    assert stalled["message"] == f"Deployment {NAME}: field is immutable"
    assert decision.requeue_seconds == 60.0


def test_the_count_is_handed_over_before_it_is_no_longer_stated():
    world = World([rendered("Deployment", replicas=3)])
    world.turn()
    world.wanted, world.writes = [rendered("Deployment")], []
    world.turn()

    handed_over, applied = world.writes
    assert handed_over == HandOverReplicas(NAME, 3)
    assert isinstance(applied, Apply)


@pytest.mark.parametrize("how", [{"owners": ("gone",), "model_owner": NAME}, {"is_deleting": True}])
def test_what_is_being_deleted_is_waited_for(how):
    world = World(ALWAYS, objects={("Service", NAME): stranger(**how)})
    decision = world.turn()

    assert world.writes == []
    assert world.condition("Reconciling")["reason"] == "AwaitingRemoval"
    assert world.condition("Stalled")["status"] == "False"
    assert decision.requeue_seconds == 1.0


def test_what_an_orphaning_deletion_left_is_taken_up_again():
    world = World(ALWAYS)
    world.turn()
    for key, live in world.objects.items():
        world.objects[key] = replace(live, owners=(), model_owner="")
    world.status, world.writes = {}, []
    world.turn()

    assert {type(write) for write in world.writes} == {Apply}
    assert world.condition("Stalled")["status"] == "False"


def test_a_release_is_adopted_only_where_the_spec_says_so_and_only_that_of_the_name():
    key = "Service", NAME
    asked = World(ALWAYS, objects={key: of_release()}, spec={"adoptRelease": True})
    asked.turn()
    unasked = World(ALWAYS, objects={key: of_release()})
    unasked.turn()
    another = World(ALWAYS, objects={key: of_release("image")}, spec={"adoptRelease": True})
    another.turn()
    elsewhere = World(ALWAYS, objects={key: of_release(NAME, "x")}, spec={"adoptRelease": True})
    elsewhere.turn()

    assert not asked.objects[key].is_managed_by_helm
    assert asked.condition("Stalled")["status"] == "False"
    for world in (unasked, another, elsewhere):
        assert world.writes == []
        assert "spec.adoptRelease" in world.condition("Stalled")["message"]


@given(dies_after=st.integers(0, 10))
def test_a_death_in_the_middle_of_an_adoption_leaves_no_field_to_helm(dies_after):
    objects = {(one["kind"], NAME): of_release() for one in ALWAYS}
    world = World(ALWAYS, objects=objects, spec={"adoptRelease": True})
    world.turn(dies_after=dies_after)
    world.turn()

    assert not any(live.is_managed_by_helm for live in world.objects.values())
    assert world.resource.namespace == NAMESPACE


def test_objects_of_others_with_the_label_are_not_deleted():
    world = World(ALWAYS, objects={("Service", "other"): stranger(model=NAME)})
    world.turn()

    assert ("Service", "other") in world.objects
    assert not any(isinstance(write, Delete) for write in world.writes)


@pytest.mark.parametrize(
    ("pods", "true"),
    [
        (Pods(2, 2, 2, 2, is_seen=True), {"Ready"}),
        (Pods(2, 2, 2, 1, is_seen=True), {"Ready", "Progressing", "Reconciling"}),
        (Pods(2, 3, 1, 2, is_seen=True), {"Ready", "Progressing", "Reconciling"}),
        (Pods(2, 2, 2, 2, is_seen=False), {"Ready", "Progressing", "Reconciling"}),
        (Pods(2, 2, 2, 0, is_seen=True), {"Progressing", "Reconciling"}),
        (Pods(0, 0, 0, 0, is_seen=True), set()),
        (Pods(2, 3, 1, 2, is_seen=True, late="too late"), {"Ready", "Degraded", "Stalled"}),
        (Pods(2, 1, 1, 1, is_seen=True, refused="quota"),
         {"Ready", "Degraded", "Progressing", "Reconciling"}),
    ],
)  # fmt: skip
def test_the_conditions_say_what_the_pods_are(pods, true):
    world = World([rendered("Deployment")])
    world.turn()
    key = "Deployment", NAME
    world.objects[key] = replace(world.objects[key], pods=pods)
    world.turn()

    assert {c["type"] for c in world.status["conditions"] if c["status"] == "True"} == true
    assert {c["observedGeneration"] for c in world.status["conditions"]} == {1}
    # A resource that failed is not in progress: kstatus reads Stalled first.
    assert not {"Stalled", "Reconciling"} <= true


def test_the_time_of_a_transition_is_kept_while_a_status_stays():
    world = World(ALWAYS)
    world.turn()
    before = world.condition("Ready")["lastTransitionTime"]
    decision = decide(replace(world.observed(), now="2026-11-28T21:00:00Z"))

    assert {c["lastTransitionTime"] for c in decision.status["conditions"]} == {before}


@given(wanted=RENDERS, index=st.integers(0, 9), how=st.sampled_from(["edited", "deleted", "added"]))
def test_what_is_remembered_is_decided_as_what_is_rendered(wanted, index, how):
    world = World(wanted)
    world.turn()
    asked = world.observed()
    known = replace(asked, wanted=remembered(asked.resource, "source"))
    assert decide(known) == decide(asked)
    assert remembered(asked.resource, "another source") == ()

    key = [*world.objects, ("Service", "x")][index % (len(world.objects) + 1)]
    if how == "added" or key not in world.objects:
        own = {"owners": (UID,), "model_owner": NAME, "fields": "f"}
        world.objects["Service", "added"] = stranger(**own)
    elif how == "edited":
        world.edit(key)
    else:
        del world.objects[key]
    asked = world.observed()
    known = replace(asked, wanted=remembered(asked.resource, "source"))
    assert keys(decide(known).writes) == keys(decide(asked).writes)
