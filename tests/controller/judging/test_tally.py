"""Counts over pods that come, go, restart and fall silent, kept as JSON between any two looks."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore_k8s.controller.judging import evidence
from longshore_k8s.controller.judging.look import Counts, Look, PodLook
from longshore_k8s.controller.judging.tally import BLOCK_REQUESTS, Sides, Tally

SERVED = (
    Counts(requests=1),
    Counts(requests=1, errors=1),
    Counts(requests=1, slow=1),
    Counts(invalid=1),
)
RESTART = Counts(requests=1, errors=1)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["serve", "serve", "serve", "restart", "silence", "speak", "add", "remove"]
        ),
        st.sampled_from(["stable", "canary"]),
        st.integers(0, 5),
        st.sampled_from(SERVED),
    ),
    max_size=60,
)


@dataclass
class Pods:
    """Pods of both versions, and what was truly asked of them since the rollout began."""

    pods: dict[str, list[PodLook]] = field(
        default_factory=lambda: {"stable": [_pod("s0", 500), _pod("s1", 3)], "canary": [_pod("c0")]}
    )
    truth: dict[str, Counts] = field(
        default_factory=lambda: {"stable": Counts(), "canary": Counts()}
    )
    silent: set[str] = field(default_factory=set)
    made: int = 0

    def happen(self, event: str, side: str, index: int, served: Counts) -> None:
        pods = self.pods[side]
        if event == "add":
            self.made += 1
            pods.append(_pod(f"{side}-{self.made}"))
            return
        if not pods:
            return
        at = index % len(pods)
        pod = pods[at]
        assert pod.counts is not None
        match event:
            case "serve":
                pods[at] = replace(pod, counts=pod.counts.plus(served))
                self.truth[side] = self.truth[side].plus(served)
            case "restart" if pod.name not in self.silent:
                pods[at] = replace(pod, counts=Counts(), restarts=pod.restarts + 1)
                self.truth[side] = self.truth[side].plus(RESTART)
            case "silence":
                self.silent.add(pod.name)
            case "speak":
                self.silent.discard(pod.name)
            case "remove" if pod.name not in self.silent:
                del pods[at]

    def look(self) -> Look:
        stable, canary = (tuple(self._seen(p) for p in self.pods[s]) for s in ("stable", "canary"))
        return Look(stable, canary)

    def _seen(self, pod: PodLook) -> PodLook:
        return replace(pod, counts=None) if pod.name in self.silent else pod


def _pod(name: str, requests: int = 0) -> PodLook:
    return PodLook(name, 0, is_ready=True, counts=Counts(requests=requests))


def look(stable: Counts, canary: Counts) -> Look:
    return Look(
        (PodLook("s", 0, is_ready=True, counts=stable),),
        (PodLook("c", 0, is_ready=True, counts=canary),),
    )


def kept(tally: Tally) -> Tally:
    """As the next controller reads it from the status."""
    return Tally.from_json(json.loads(json.dumps(tally.to_json())))


@given(events=EVENTS)
def test_it_counts_what_was_asked_since_the_rollout_began(events):
    pods = Pods()
    tally = Tally.begun(pods.look())
    for event in events:
        pods.happen(*event)
        tally = kept(tally.counted(pods.look()))
    pods.silent.clear()
    tally = tally.counted(pods.look())

    assert tally.total == Sides(pods.truth["stable"], pods.truth["canary"])


@given(events=EVENTS)
def test_the_same_look_twice_is_that_look_once(events):
    pods = Pods()
    tally = Tally.begun(pods.look())
    for event in events:
        pods.happen(*event)
        tally = tally.counted(pods.look())

        assert tally.counted(pods.look()) == tally
        assert kept(tally) == tally


def test_a_controller_that_was_away_counts_what_happened_meanwhile():
    pods = Pods()
    tally = kept(Tally.begun(pods.look()))
    pods.happen("add", "canary", 0, Counts())
    for _ in range(50):
        pods.happen("serve", "canary", 1, Counts(requests=1, errors=1))
        pods.happen("serve", "stable", 0, Counts(requests=1))
    tally = tally.counted(pods.look())

    assert tally.total == Sides(Counts(requests=50), Counts(requests=50, errors=50))


def test_what_a_pod_counted_before_the_rollout_is_not_its_even_if_it_was_silent_then():
    silent = PodLook("s", 0, is_ready=True, counts=None)
    told = replace(silent, counts=Counts(requests=10**6, errors=10**5))
    tally = Tally.begun(Look((silent,), ()))
    tally = kept(tally).counted(Look((told,), ()))
    more = replace(told, counts=Counts(requests=10**6 + 7, errors=10**5))

    assert tally.total == Sides()
    assert tally.counted(Look((more,), ())).total.stable == Counts(requests=7)


def test_a_canary_that_only_crashes_and_never_answers_gathers_evidence():
    stable = PodLook("s", 0, is_ready=True, counts=Counts())
    tally = Tally.begun(Look((stable,), (PodLook("c", 0, is_ready=False, counts=None),)))
    for restarts in range(1, 7):
        now = replace(stable, counts=Counts(requests=100 * restarts))
        crashed = PodLook("c", restarts, is_ready=False, counts=None)
        tally = kept(tally.counted(Look((now,), (crashed,))))

    assert tally.total.canary == Counts(requests=6, errors=6)
    assert tally.bad_evidence >= evidence.ROLL_BACK


def test_a_step_counts_for_itself_and_evidence_goes_on():
    tally = Tally.begun(look(Counts(), Counts()))
    tally = tally.counted(look(Counts(requests=90), Counts(requests=10, errors=2)))
    before = tally.bad_evidence
    tally = kept(tally.next_step())

    assert tally.step == Sides()
    assert tally.total.canary == Counts(requests=10, errors=2)
    assert tally.bad_evidence == pytest.approx(before, rel=1e-4)
    assert before > 10


def test_failures_of_both_versions_are_no_evidence_though_the_share_changes_meanwhile():
    """The canary gets its share only after the first minutes, and then both fail: the share of
    all requests until then would take its part of the failures for too large a one."""
    stable, canary = Counts(), Counts()
    tally = Tally.begun(look(stable, canary))
    for minute in range(60):
        share, bad = (0.02, 0.0) if minute < 30 else (0.3, 0.5)
        asked, mine = round(3000 * (1 - share)), round(3000 * share)
        stable = stable.plus(Counts(requests=asked, errors=round(asked * bad)))
        canary = canary.plus(Counts(requests=mine, errors=round(mine * bad)))
        tally = kept(tally.counted(look(stable, canary)))

    whole = evidence.block((canary.requests, canary.bad), (stable.requests, stable.bad))
    assert evidence.value(whole) > evidence.ROLL_BACK
    assert tally.bad_evidence < 1.0


def test_a_long_failure_of_stable_alone_does_not_excuse_the_canary_later():
    stable, canary = Counts(), Counts()
    tally = Tally.begun(look(stable, canary))
    for _ in range(100):
        stable = stable.plus(Counts(requests=900, errors=450))
        canary = canary.plus(Counts(requests=100))
        tally = kept(tally.counted(look(stable, canary)))
    assert tally.bad_evidence < 1.0
    stable = stable.plus(Counts(requests=900))
    canary = canary.plus(Counts(requests=100, errors=50))
    tally = tally.counted(look(stable, canary))

    assert tally.bad_evidence >= evidence.ROLL_BACK


def test_little_traffic_says_as_much_as_much_traffic():
    """At one request a look every look has seen but one version; the block waits for both."""
    stable, canary = Counts(), Counts()
    tally = Tally.begun(look(stable, canary))
    for number in range(200):
        if number % 10:
            stable = stable.plus(Counts(requests=1))
        else:
            canary = canary.plus(Counts(requests=1, errors=1))
        tally = kept(tally.counted(look(stable, canary)))
        if tally.bad_evidence >= evidence.ROLL_BACK:
            break

    assert tally.total.canary.requests <= 5


def test_it_stays_small_in_the_status_with_a_hundred_pods():
    pods = tuple(
        PodLook(f"text-longshore-6c7d8f9b5-{number:05}", 0, is_ready=True, counts=Counts(10**8, 10))
        for number in range(100)
    )
    tally = Tally.begun(Look(pods, ())).counted(Look(pods, ()))

    assert len(json.dumps(tally.to_json())) < 8000
    assert BLOCK_REQUESTS * 2 < 100
