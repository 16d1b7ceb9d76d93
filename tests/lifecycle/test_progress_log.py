from __future__ import annotations

import asyncio
import logging
import threading

import orjson
import pytest

from longshore.lifecycle import version_loader
from longshore.lifecycle.progress_log import ProgressLog
from longshore.progress import Progress
from longshore.rest.health import Health, Heartbeat
from tests.lifecycle.conftest import write_version


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO)
    return lambda: [r.getMessage() for r in caplog.records if "still at work" in r.getMessage()]


def test_long_work_is_logged_after_5_seconds_and_then_every_10(clock, lines):
    progress = Progress(clock)
    log = ProgressLog(progress)
    progress.start("version 2")
    told = []
    for second in range(1, 40):
        clock.advance(1)
        before = len(lines())
        log.tick()
        if len(lines()) > before:
            told.append(second)

    assert told == [5, 15, 25, 35]
    assert lines()[0] == "still at work: version 2, for 5 s"


def test_the_next_work_is_logged_after_5_seconds_of_its_own(clock, lines):
    progress = Progress(clock)
    log = ProgressLog(progress)
    for version in ("2", "3"):
        progress.start(f"version {version}")
        log.tick()
        clock.advance(7)
        log.tick()
    progress.end()
    clock.advance(60)
    log.tick()

    assert lines() == [f"still at work: version {v}, for 7 s" for v in "23"]


class NoDrain:
    is_draining = False


async def test_a_load_that_takes_long_shows_in_the_ready_body(manage, model, clock, monkeypatch):
    write_version(model, "1")
    manager = await manage(looks=False, progress_clock=clock)
    health = Health(manager.served, NoDrain(), Heartbeat())
    has_begun, may_end = threading.Event(), threading.Event()
    load = version_loader.load_model

    def slow_load(artifact, config, options, progress, **others):
        progress.begin("opening model.identity")
        has_begun.set()
        may_end.wait()
        return load(artifact, config, options, progress, **others)

    async def body():
        return orjson.loads((await health.server_ready({})).body)

    monkeypatch.setattr(version_loader, "load_model", slow_load)
    refreshing = asyncio.create_task(manager.refresh())
    try:
        await asyncio.to_thread(has_begun.wait)
        clock.advance(12)
        assert (await body())["progress"] == ["version 1: opening model.identity, for 12 s"]
    finally:
        may_end.set()
        await refreshing
    assert "progress" not in await body()
