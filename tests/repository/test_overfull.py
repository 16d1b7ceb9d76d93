"""A version of too many files is walked until that is certain, and then not before it changes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from longshore.repository import layout, overfull, version_files, version_reader
from longshore.repository.layout import ModelRepository
from longshore.repository.overfull import COARSEST_SECONDS, Overfull
from tests.clock import FakeClock


@pytest.fixture
def monotonic(monkeypatch) -> FakeClock:
    clock = FakeClock(0.0)
    for module in (layout, version_reader):
        monkeypatch.setattr(module, "Overfull", lambda: Overfull(clock))
    return clock


@pytest.fixture
def listed(monkeypatch) -> list[str]:
    """The entries that were looked at."""
    found: list[str] = []
    scandir = os.scandir

    @contextmanager
    def scan(path) -> Iterator[Iterator[os.DirEntry[str]]]:
        with scandir(path) as entries:
            yield (found.append(entry.name) or entry for entry in entries)  # type: ignore[func-returns-value]

    monkeypatch.setattr(version_files.os, "scandir", scan)
    return found


@pytest.fixture
def look(model, clock, write, monotonic, listed, monkeypatch):
    """A look at a model whose version 1 is good, and 20 files are too many; returns what is said of
    others, and how many entries of theirs were looked at.
    """
    monkeypatch.setattr(version_files, "MAX_ENTRIES", 20)
    monkeypatch.setattr(version_files, "MAX_FILES", 20)
    write(model / "1" / "model.onnx")
    repository = ModelRepository(model, clock=clock)

    def look() -> tuple[list[str], int]:
        listed.clear()
        found = repository.scan()
        assert [artifact.version for artifact in found.artifacts][:1] == ["1"]
        names = [name for name in listed if name not in ("1", "2", "model.onnx")]
        return [problem.message for problem in found.problems], len(names)

    return look


def fill(model, write, count: int = 50, *, folders: int = 1) -> None:
    for number in range(count):
        folder = model / "2" if folders == 1 else model / "2" / f"d{number % folders}"
        write(folder / f"{number}.bin")


@pytest.mark.parametrize("folders", [1, 4])
def test_once_it_is_certain_no_entry_of_it_is_looked_at(model, write, look, monotonic, folders):
    fill(model, write, folders=folders)
    first, looked_at = look()
    assert len(first) == 1
    assert "2 holds more than 20 files" in first[0]
    assert 20 <= looked_at <= 50

    monotonic.advance(COARSEST_SECONDS)
    look()
    monotonic.advance(0.5)
    assert look() == (first, 0)


def test_a_change_may_hide_behind_an_equal_time_at_first(model, write, look, monotonic):
    fill(model, write)
    for _ in range(4):
        _, looked_at = look()
        assert looked_at > 0
        monotonic.advance(COARSEST_SECONDS / 4)


@pytest.mark.parametrize("folders", [1, 4])
def test_when_files_go_it_is_walked_again(model, write, look, monotonic, folders):
    fill(model, write, folders=folders)
    for _ in range(3):
        look()
        monotonic.advance(COARSEST_SECONDS)
    for file in list((model / "2").rglob("*.bin"))[5:]:
        file.unlink()

    messages, looked_at = look()
    assert "holds no artifact" in messages[0]
    assert looked_at >= 5


def test_one_that_is_gone_is_no_problem(model, write, look, monotonic):
    fill(model, write)
    for _ in range(3):
        look()
        monotonic.advance(COARSEST_SECONDS)
    (model / "2").rename(model / "aside")

    assert look() == ([], 1)


def test_a_model_directory_is_not_listed_again_either(model, write, clock, monotonic, listed):
    repository = ModelRepository(model, clock=clock)
    limit = version_files.MAX_ENTRIES
    for number in range(limit + 1):
        (model / f"{number}.bin").touch()
    for _ in range(2):
        with pytest.raises(layout.ModelLoadError, match=f"holds more than {limit} files"):
            repository.scan()
        monotonic.advance(COARSEST_SECONDS)
    listed.clear()

    with pytest.raises(layout.ModelLoadError, match=f"holds more than {limit} files"):
        repository.scan()
    assert listed == []


def test_few_are_remembered(tmp_path):
    remembered = Overfull()
    for number in range(overfull.MAX_REMEMBERED + 50):
        with pytest.raises(overfull.TooMany), remembered.walk(tmp_path / str(number)):
            raise overfull.TooMany("more")

    assert len(remembered._found) == overfull.MAX_REMEMBERED
