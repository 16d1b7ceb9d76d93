"""Pods of one release do not try a new version at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from longshore.lifecycle.candidate_spread import CandidateSpread
from longshore.repository.layout import Artifact, ArtifactFormat
from tests.clock import FakeClock
from tests.lifecycle.conftest import write_version

ARTIFACT = Artifact("echo", "2", Path("/m/2"), Path("/m/2/f"), ArtifactFormat.IDENTITY)


def test_each_pod_waits_for_a_part_of_the_spread_from_when_it_saw_the_version():
    clock = FakeClock()
    spread = CandidateSpread(30.0, draw=lambda: 0.4, clock=clock)

    assert spread.wait_seconds(ARTIFACT) == 12.0
    clock.advance(5.0)
    assert spread.wait_seconds(ARTIFACT) == 7.0
    clock.advance(7.0)
    assert spread.wait_seconds(ARTIFACT) == 0.0


def test_other_files_wait_anew():
    clock = FakeClock()
    spread = CandidateSpread(30.0, draw=lambda: 0.5, clock=clock)
    spread.wait_seconds(ARTIFACT)
    clock.advance(30.0)

    assert spread.wait_seconds(replace(ARTIFACT, fingerprint="others")) == 15.0


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
