"""A change of the volume is noticed when it happens, long before the next poll."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil

import pytest

from longshore.lifecycle import volume_events
from longshore.lifecycle.volume_events import VolumeEvents
from tests.attacks.served_process import ServedProcess, identity_model
from tests.integration.test_lifecycle import ask, wait_for

SELDOM = {"version_settle_seconds": 0, "model_poll_seconds": 3600}


def test_versions_come_and_go_between_two_polls(tmp_path):
    model = identity_model(tmp_path)
    with ServedProcess(model, **SELDOM) as server:
        shutil.copytree(model / "1", tmp_path / "2")
        os.rename(tmp_path / "2", model / "2")
        wait_for(lambda: ask(server)[2]["model_version"] == "2")
        shutil.rmtree(model / "2")
        wait_for(lambda: ask(server)[2]["model_version"] == "1")
        assert "problems" not in server.health()


def test_a_pinned_version_stays_whatever_comes(tmp_path):
    model = identity_model(tmp_path)
    with ServedProcess(model, model_version=1, **SELDOM) as server:
        shutil.copytree(model / "1", tmp_path / "2")
        os.rename(tmp_path / "2", model / "2")
        (model / "v3").mkdir()
        wait_for(lambda: "problems" in server.health())  # It has looked.
        assert ask(server)[2]["model_version"] == "1"
        assert server.health()["versions"] == {"1": "READY"}


def test_a_file_written_inside_a_version_is_noticed(tmp_path):
    model = identity_model(tmp_path)
    with ServedProcess(model, **SELDOM) as server:
        (model / "2").mkdir()
        wait_for(lambda: "problems" in server.health())
        shutil.copy(model / "1" / "model.identity", model / "2" / "model.identity")
        wait_for(lambda: ask(server)[2]["model_version"] == "2")


async def test_a_directory_is_watched_and_its_subdirectories_too(tmp_path):
    (tmp_path / "1").mkdir()
    events = VolumeEvents()
    try:
        events.watch(tmp_path)
        assert not await events.wait(0.01)
        (tmp_path / "1" / "file").touch()
        assert await events.wait(5)
        (tmp_path / "..new").symlink_to("1")
        assert await events.wait(5)
        assert not await events.wait(0.01)
    finally:
        events.close()


async def test_a_flood_of_events_wakes_the_event_loop_once(tmp_path, monkeypatch):
    woken, note = [], VolumeEvents._note
    monkeypatch.setattr(VolumeEvents, "_note", lambda self: woken.append(1) or note(self))
    events = VolumeEvents()
    events.watch(tmp_path)

    async def write() -> None:
        for number in range(500):
            (tmp_path / f"{number}.bin").touch()
            if number % 50 == 0:
                await asyncio.sleep(0)

    try:
        writing = asyncio.create_task(write())
        assert await events.wait(5, gather_seconds=0.05)
        await writing
        assert len(woken) == 1
        await events.wait(0.01)
        (tmp_path / "another").touch()
        assert await events.wait(5), "what comes later is told"
    finally:
        events.close()


@pytest.mark.parametrize("refuses", ["no such call", "no more of them"])
async def test_a_kernel_that_offers_no_events_leaves_the_polling(tmp_path, monkeypatch, refuses):
    class Libc:
        def __init__(self, name, use_errno):
            if refuses == "no more of them":
                self.inotify_init1 = lambda flags: -1

    monkeypatch.setattr(ctypes, "CDLL", Libc)
    events = VolumeEvents()
    events.watch(tmp_path)
    (tmp_path / "file").touch()

    assert not await asyncio.wait_for(events.wait(0.01), 5)
    events.close()


async def test_a_directory_without_end_is_not_looked_through(tmp_path, monkeypatch):
    monkeypatch.setattr(volume_events, "MAX_ENTRIES", 5)
    for number in range(20):
        (tmp_path / f"{number}.bin").touch()
    looked_at, scan = [], os.scandir

    class Scan:
        def __init__(self, path):
            self._entries = scan(path)

        def __enter__(self):
            return (looked_at.append(entry) or entry for entry in self._entries)

        def __exit__(self, *exception):
            self._entries.close()

    monkeypatch.setattr(volume_events.os, "scandir", Scan)
    events = VolumeEvents()
    try:
        events.watch(tmp_path)
    finally:
        events.close()

    assert len(looked_at) == 5
