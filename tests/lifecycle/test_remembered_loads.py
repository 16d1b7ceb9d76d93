"""What an end of the process during a load leaves for the next start."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from longshore.lifecycle import version_loader
from longshore.lifecycle.crash_marks import CrashMarks
from longshore.repository.layout import ModelRepository
from tests.clock import FakeClock
from tests.lifecycle.conftest import write_version


@pytest.mark.parametrize(("silent_seconds", "is_suspect"), [(1.0, False), (11.0, True)])
async def test_a_load_that_was_silent_when_the_process_was_told_to_end_is_suspect(
    manage, model: Path, tmp_path: Path, monkeypatch, silent_seconds: float, is_suspect: bool
):
    clock, begun, goes_on = FakeClock(), threading.Event(), threading.Event()

    def hang(*args, **kwargs):
        begun.set()
        goes_on.wait(30)
        raise RuntimeError("at last")

    monkeypatch.setattr(version_loader, "load_model", hang)
    write_version(model, "1")
    marks = CrashMarks(tmp_path / "cache", process="1 98")
    manager = await manage(marks=marks, looks=False, progress_clock=clock)
    looking = asyncio.create_task(manager.refresh())
    await asyncio.to_thread(begun.wait, 30)
    clock.advance(silent_seconds)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    goes_on.set()

    scan = ModelRepository(model, settle_seconds=0).scan()
    mark = CrashMarks(tmp_path / "cache", process="1 99").find(scan.artifacts[0], scan.config)
    assert (mark is not None) is is_suspect


async def test_a_suspect_is_tried_after_what_is_older_serves(manage, model: Path, tmp_path: Path):
    write_version(model, "1")
    write_version(model, "2")
    scan = ModelRepository(model, settle_seconds=0).scan()
    CrashMarks(tmp_path / "cache", process="1 98").begin(scan.artifacts[0], scan.config)

    marks = CrashMarks(tmp_path / "cache", process="1 99")
    manager = await manage(marks=marks)

    assert manager.served.default.version == "2"
    assert list((tmp_path / "cache").iterdir()) == []
