"""What walks files beside clients' work pauses."""

from __future__ import annotations

import pytest

from longshore.repository import layout, turns, version_files
from longshore.repository.layout import ModelRepository
from longshore.repository.turns import SHARE, TURN_SECONDS, Turns
from tests.clock import FakeClock


class Machine:
    """On which each step takes a millisecond."""

    def __init__(self) -> None:
        self.clock = FakeClock(0.0)
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)

    def work(self, turns: Turns, steps: int) -> None:
        for _ in range(steps):
            self.clock.advance(0.001)
            turns.step()


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_work_beside_others_has_its_share_in_short_turns(machine):
    turns = Turns(sleep=machine.sleep, clock=machine.clock)
    turns.begin(is_beside_work=True)
    machine.work(turns, 1000)

    assert machine.clock() == pytest.approx(1.0 / SHARE, rel=0.02)
    assert max(machine.slept) == pytest.approx(TURN_SECONDS * (1 / SHARE - 1), rel=0.5)


def test_work_beside_nothing_does_not_pause(machine):
    turns = Turns(sleep=machine.sleep, clock=machine.clock)
    turns.begin(is_beside_work=False)
    machine.work(turns, 1000)

    assert machine.slept == []


def test_what_was_before_the_turn_is_no_part_of_it(machine):
    turns = Turns(sleep=machine.sleep, clock=machine.clock)
    machine.clock.advance(3600.0)
    turns.begin(is_beside_work=True)
    machine.work(turns, 3)

    assert machine.slept == []


@pytest.fixture
def slept(monkeypatch) -> list[float]:
    """The pauses of looks at the volume, where every step ends a turn."""
    found: list[float] = []
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(layout, "Turns", lambda: Turns(sleep=found.append))
    return found


@pytest.mark.parametrize("kind", ["versions", "lone", "file"])
def test_a_look_at_the_volume_pauses_beside_a_version_that_serves(model, write, slept, kind):
    directory = model if kind != "versions" else model / "1"
    artifact = write(directory / "model.identity")
    for number in range(20):
        write(directory / f"{number}.bin")
    repository = ModelRepository(artifact if kind == "file" else model)
    repository.scan()
    assert slept == []

    repository.scan(is_beside_work=True)
    assert len(slept) >= (1 if kind == "file" else 40), "for each entry and each file"


def test_a_directory_of_too_many_files_is_left_in_the_middle(model, write, slept, monkeypatch):
    monkeypatch.setattr(version_files, "MAX_ENTRIES", 30)
    for number in range(200):
        write(model / "2" / f"{number}.bin")
    repository = ModelRepository(model)
    repository.scan(is_beside_work=True)

    assert len(slept) < 40


def test_a_model_directory_of_too_many_entries_is_refused(model, write, clock, monkeypatch):
    monkeypatch.setattr(version_files, "MAX_ENTRIES", 30)
    write(model / "1" / "model.identity")
    repository = ModelRepository(model, clock=clock)
    assert len(repository.scan().artifacts) == 1
    for number in range(40):
        write(model / f"{number}.bin")

    with pytest.raises(layout.ModelLoadError, match="holds more than 30 files"):
        repository.scan()
