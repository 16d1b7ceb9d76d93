from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from longshore.lifecycle.repeated_measurement import (
    FIRST_PAUSE_SECONDS,
    MOST_ATTEMPTS,
    QUIET_SECONDS,
    RepeatedMeasurement,
)
from longshore.repository.artifact import Artifact, ArtifactFormat

ARTIFACT = Artifact("echo", "2", Path("/m/2"), Path("/m/2/f"), ArtifactFormat.IDENTITY)


@dataclass
class Served:
    """What is asked of a model."""

    version: str = "1"
    loaded: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(is_provisional=True, artifact=ARTIFACT)
    )
    quiet_seconds: float = 1e6

    def is_left_alone(self, seconds: float) -> bool:
        return self.quiet_seconds >= seconds


@pytest.fixture
def repeated(clock):
    return RepeatedMeasurement(clock)


def due_after(repeated, clock, model, seconds: float) -> bool:
    clock.advance(seconds)
    return repeated.is_due(model)


def test_a_disturbed_measurement_is_repeated_a_minute_later(repeated, clock):
    model = Served()

    assert not repeated.is_due(model)
    assert not due_after(repeated, clock, model, FIRST_PAUSE_SECONDS - 1)
    assert due_after(repeated, clock, model, 1)


def test_a_measurement_that_nobody_disturbed_is_not_repeated(repeated, clock):
    model = Served()
    model.loaded.is_provisional = False

    assert not repeated.is_due(model)
    assert not due_after(repeated, clock, model, 1e6)


@pytest.mark.parametrize(("quiet", "is_due"), [(QUIET_SECONDS - 1, False), (QUIET_SECONDS, True)])
def test_clients_are_not_disturbed(repeated, clock, quiet, is_due):
    model = Served(quiet_seconds=quiet)
    repeated.is_due(model)

    assert due_after(repeated, clock, model, FIRST_PAUSE_SECONDS) is is_due


def test_each_attempt_waits_twice_as_long_and_there_are_few(repeated, clock):
    model = Served()
    repeated.is_due(model)
    pauses = [FIRST_PAUSE_SECONDS * 2**count for count in range(MOST_ATTEMPTS)]
    for pause in pauses:
        assert not due_after(repeated, clock, model, pause - 1)
        assert due_after(repeated, clock, model, 1)

    assert not due_after(repeated, clock, model, 1e9)


def test_other_files_begin_anew(repeated, clock):
    model = Served()
    repeated.is_due(model)
    for _ in range(MOST_ATTEMPTS):
        due_after(repeated, clock, model, 1e9)

    model.loaded.artifact = replace(ARTIFACT, fingerprint="mended")
    assert not repeated.is_due(model)
    assert due_after(repeated, clock, model, FIRST_PAUSE_SECONDS)


def test_each_version_has_attempts_of_its_own(repeated, clock):
    one, other = Served("1"), Served("2")
    repeated.is_due(one)
    repeated.is_due(other)

    assert due_after(repeated, clock, one, FIRST_PAUSE_SECONDS)
    assert repeated.is_due(other)
