"""Pods of one release do not try a new version at once."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from longshore.lifecycle.candidate_spread import STARVED_PAUSE_SECONDS, CandidateSpread
from longshore.lifecycle.trial.supervisor import Passed
from longshore.lifecycle.trial.trials import Trials
from longshore.lifecycle.trial.verdict import FailureKind, TrialFailed
from longshore.repository.layout import Artifact, ArtifactFormat
from tests.clock import FakeClock
from tests.lifecycle.conftest import OPTIONS, write_version

ARTIFACT = Artifact("echo", "2", Path("/m/2"), Path("/m/2/f"), ArtifactFormat.IDENTITY)


def test_each_pod_waits_for_a_part_of_the_spread_from_when_it_saw_the_version():
    clock = FakeClock()
    spread = CandidateSpread(30.0, draw=lambda: 0.4, clock=clock)

    assert spread.waiting(ARTIFACT) == "is tried in 12 s, after other pods of its release"
    clock.advance(5.0)
    assert spread.waiting(ARTIFACT) == "is tried in 7 s, after other pods of its release"
    clock.advance(7.0)
    assert not spread.waiting(ARTIFACT)


def test_other_files_wait_anew():
    clock = FakeClock()
    spread = CandidateSpread(30.0, draw=lambda: 0.5, clock=clock)
    spread.waiting(ARTIFACT)
    clock.advance(30.0)

    assert "in 15 s" in spread.waiting(replace(ARTIFACT, fingerprint="others"))


async def test_a_version_waits_for_its_turn_beside_one_that_serves_and_not_at_a_start(
    manage, model
):
    clock = FakeClock()
    spread = CandidateSpread(30.0, draw=lambda: 0.4, clock=clock)
    write_version(model, "1")
    manager = await manage(spread=spread)
    assert manager.served.default.version == "1"

    write_version(model, "2")
    await manager.refresh()
    assert manager.served.default.version == "1"
    assert manager.served.settling == (
        "version 2: is tried in 12 s, after other pods of its release",
    )

    clock.advance(12.0)
    await manager.refresh()
    assert manager.served.default.version == "2"
    assert manager.served.settling == ()


class StarvedOnce(Trials):
    """The first trial gets no CPU; those that follow are real."""

    is_starved = True

    def run(self, *args) -> Passed:
        if self.is_starved:
            self.is_starved = False
            raise TrialFailed("its trial waited 500 s for a CPU", FailureKind.STARVED)
        return super().run(*args)


async def test_a_version_whose_trial_got_no_cpu_is_tried_again_by_itself(
    manage, model, failures, metrics
):
    clock = FakeClock()
    trials = StarvedOnce(OPTIONS, seconds=60.0, quota=lambda: None, room=lambda: None)
    write_version(model, "1")
    manager = await manage(trials=trials, spread=CandidateSpread(0.0, clock=clock))
    write_version(model, "2")
    await manager.refresh()
    clock.advance(STARVED_PAUSE_SECONDS - 1.0)
    await manager.refresh()

    assert manager.served.default.version == "1"
    assert manager.served.settling == (
        "version 2: is tried in 1 s, because its trial waited 500 s for a CPU",
    )
    assert manager.served.describe_problems() == []
    assert failures() == 0
    starved = {"model": "echo", "outcome": "starved"}
    name = "longshore_candidate_trials_total"
    assert metrics.registry.get_sample_value(name, starved) == 1

    clock.advance(1.0)
    await manager.refresh()
    assert manager.served.default.version == "2"
