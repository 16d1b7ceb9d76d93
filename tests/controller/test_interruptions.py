"""What comes in the middle of a rollout: deaths, absences, other specs and pauses."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from longshore_k8s.controller.decide import decide
from tests.controller.life_world import (
    ENOUGH,
    LifeWorld,
    Version,
    assert_same_end,
    assert_stable_alone,
    installed,
)


@settings(deadline=None, max_examples=60)
@given(dies_after=st.integers(1, 60), is_bad=st.booleans())
def test_a_death_after_any_write_of_a_rollout_ends_in_the_same_state(dies_after, is_bad):
    died, undisturbed = installed(), installed()
    for world in (died, undisturbed):
        world.versions[2] = Version(bad_ratio=0.1 if is_bad else 0.0)
        world.change(version=2)
    died.dies_after = dies_after
    died.ticks(2 * ENOUGH)
    undisturbed.ticks(2 * ENOUGH)

    assert_same_end(died, undisturbed)


@settings(deadline=None, max_examples=60)
@given(turns=st.integers(0, 60), away=st.integers(1, 40))
def test_a_controller_that_was_away_for_long_does_not_blame_the_candidate(turns, away):
    world = installed(rollout={"bakeSeconds": 10, "deadlineSeconds": 3600})
    world.change(version=2)
    for _ in range(turns):
        world.tick(turns=1)
    for _ in range(away):
        world.tick(turns=0)
    world.ticks(ENOUGH)

    assert_stable_alone(world, 2)


@settings(deadline=None, max_examples=60)
@given(
    others=st.dictionaries(st.integers(0, 2 * ENOUGH), st.integers(1, ENOUGH), max_size=20),
    bad=st.sampled_from([0.0, 0.1, 1.0]),
)
def test_a_second_controller_that_sees_the_past_changes_objects_for_a_moment_and_no_end(
    others, bad
):
    world, undisturbed = installed(), installed()
    for one in (world, undisturbed):
        one.versions[2] = Version(bad_ratio=bad)
        one.change(version=2)
    past = [world.view]
    for tick in range(2 * ENOUGH):
        if tick in others:
            world.turn_by_another(past[max(0, len(past) - others[tick])])
        world.tick()
        undisturbed.tick()
        past.append(world.view)
    world.ticks(2)

    assert world.documents == undisturbed.documents
    assert_stable_alone(world, 1 if bad else 2)
    assert [one["outcome"] for one in world.status["history"]] == [
        one["outcome"] for one in undisturbed.status["history"]
    ]


@settings(deadline=None, max_examples=40)
@given(ticks=st.integers(0, ENOUGH), bad=st.sampled_from([0.0, 0.1, 1.0]))
def test_deciding_twice_is_deciding_once(ticks, bad):
    world = installed()
    world.versions[2] = Version(bad_ratio=bad)
    world.change(version=2)
    world.ticks(ticks)
    while (decision := world.turn()).requeue_seconds == 0.0:
        pass
    written, status = world.written, world.status
    again = decide(world.observed())

    assert again.writes == ()
    assert again.status == status == decision.status
    assert world.written == written


@settings(deadline=None, max_examples=40)
@given(
    after=st.integers(0, ENOUGH),
    bad=st.sampled_from([0.0, 0.1, 1.0]),
    third=st.sampled_from([1, 3]),
)
def test_another_spec_at_any_time_ends_the_rollout_at_stable_and_begins_again(after, bad, third):
    world = installed()
    world.versions[2] = Version(bad_ratio=bad)
    world.change(version=2)
    world.ticks(after)
    world.change(version=third)
    world.ticks(2 * ENOUGH)

    assert_stable_alone(world, third)
    assert "rejected" not in world.status


@settings(deadline=None, max_examples=40)
@given(ticks=st.integers(0, ENOUGH), bad=st.sampled_from([0.0, 0.1, 1.0]))
def test_while_paused_nothing_is_written_and_afterwards_the_end_is_the_same(ticks, bad):
    world = installed()
    world.versions[2] = Version(bad_ratio=bad)
    world.change(version=2)
    world.ticks(ticks)
    world.change(paused=True)
    before = dict(world.documents), world.stage
    world.ticks(10)
    assert (world.documents, world.stage) == before

    world.change(paused=False)
    world.ticks(2 * ENOUGH)
    assert_stable_alone(world, 1 if bad else 2)
    assert bool(world.status.get("rejected")) == bool(bad)


def in_its_first_step() -> LifeWorld:
    """Version 2 has a share of the requests."""
    world = installed()
    world.change(version=2)
    while world.stage != "Step" or not world.status["rollout"]["share"]:
        world.tick()
    return world


def test_a_pause_says_which_traffic_a_candidate_keeps_and_warns_of_it():
    world = in_its_first_step()
    world.change(paused=True)
    world.ticks(2)

    said = world.condition("Reconciling")
    assert (said["status"], said["reason"]) == ("True", "Paused")
    assert said["message"] == (
        "Version 2, Step 1 of 2: it stays as it is, with 20 % of the requests, and is not taken"
        " back."
    )
    assert world.status["message"] == said["message"]
    assert world.condition("Progressing")["reason"] == "Paused"
    assert [event.is_warning for event in world.events if event.reason == "Paused"] == [True]
    assert "deadline" not in world.status["rollout"]


def test_what_a_paused_candidate_does_is_judged_and_takes_it_back_once_it_goes_on():
    world = in_its_first_step()
    world.change(paused=True)
    world.versions[2] = Version(bad_ratio=1.0)
    world.ticks(3)

    assert world.stage == "Step"
    assert world.status["rollout"]["verdict"] == "RollBack"
    assert "It would be: " in world.condition("Reconciling")["message"]
    world.change(paused=False)
    world.tick()
    assert world.status["history"][0]["reason"] == "ErrorsAboveStable"


def test_the_time_of_a_pause_is_not_held_against_a_candidate():
    world = installed(rollout={"bakeSeconds": 10, "deadlineSeconds": 60})
    world.versions[2] = Version(starts=False)
    world.change(version=2)
    while world.stage != "Candidate":
        world.tick()
    world.change(paused=True)
    world.ticks(ENOUGH)
    world.change(paused=False)
    world.tick()
    world.versions[2] = Version()
    world.ticks(ENOUGH)

    assert_stable_alone(world, 2)


def test_a_version_that_is_paused_before_it_begins_is_in_progress_and_said_to_be():
    world = installed()
    world.change(version=2, paused=True)
    world.ticks(2)

    assert world.stage == ""
    assert world.condition("Reconciling")["status"] == "True"
    assert world.status["reason"] == "Paused"
    assert world.status["message"] == "What the spec asks for is not begun."
    assert [event.is_warning for event in world.events if event.reason == "Paused"] == [False]
