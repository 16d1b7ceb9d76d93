"""What comes in the middle of a rollout behind a Gateway: deaths, other specs, routes that go."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from longshore_k8s.controller.decide import decide
from tests.controller.gateway_world import (
    ENOUGH,
    NARROW,
    ROUTE,
    VALUES,
    assert_stable_alone,
    installed,
)
from tests.controller.life_world import CANARY, STABLE, Version, assert_same_end


@settings(deadline=None, max_examples=30)
@given(dies_after=st.integers(1, 60), bad=st.sampled_from([0.0, 0.1, 1.0]), lag=st.integers(1, 3))
def test_a_death_after_any_write_of_a_rollout_ends_in_the_same_state(dies_after, bad, lag):
    died, undisturbed = installed(), installed()
    for world in (died, undisturbed):
        world.lag = lag
        world.versions[2] = Version(bad_ratio=bad)
        world.change(version=2)
    died.dies_after = dies_after
    died.ticks(2 * ENOUGH)
    undisturbed.ticks(2 * ENOUGH)

    assert_same_end(died, undisturbed)
    assert died.lost == undisturbed.lost == 0


@settings(deadline=None, max_examples=20)
@given(
    after=st.integers(0, ENOUGH),
    bad=st.sampled_from([0.0, 0.1, 1.0]),
    third=st.sampled_from([1, 3]),
    lag=st.integers(1, 3),
)
def test_another_spec_at_any_time_ends_at_stable_and_begins_again(after, bad, third, lag):
    world = installed()
    world.lag = lag
    world.versions[2] = Version(bad_ratio=bad)
    world.change(version=2)
    world.ticks(after)
    world.change(version=third)
    world.ticks(3 * ENOUGH)

    assert_stable_alone(world, third)
    assert "rejected" not in world.status
    assert world.lost == 0


@settings(deadline=None, max_examples=20)
@given(after=st.integers(0, ENOUGH), bad=st.sampled_from([0.0, 1.0]))
def test_a_route_that_comes_or_goes_in_a_rollout_ends_where_it_would_have(after, bad):
    world = installed()
    world.versions[2] = Version(bad_ratio=bad)
    world.change(version=2)
    world.ticks(after)
    world.change(values={"replicas": 4})
    world.ticks(2)
    assert ROUTE not in world.live
    world.change(values=VALUES)
    world.ticks(3 * ENOUGH)

    assert world.weights == {STABLE: 1}
    assert not any(name == CANARY for _, name in world.live)
    assert world.selector["app.kubernetes.io/name"] == NARROW


@settings(deadline=None, max_examples=20)
@given(ticks=st.integers(0, ENOUGH), bad=st.sampled_from([0.0, 0.1, 1.0]), is_up=st.booleans())
def test_deciding_twice_is_deciding_once(ticks, bad, is_up):
    world = installed()
    world.versions[2] = Version(bad_ratio=bad)
    world.change(version=2)
    world.ticks(ticks)
    world.is_up = is_up
    while (decision := world.turn()).requeue_seconds == 0.0:
        pass
    written, status = world.written, world.status
    again = decide(world.observed())

    assert again.writes == ()
    assert again.status == status == decision.status
    assert world.written == written
