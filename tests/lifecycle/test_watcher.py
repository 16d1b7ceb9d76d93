"""A volume may answer slowly or never: only worker threads wait for it."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from longshore.lifecycle.volume_events import VolumeEvents
from longshore.lifecycle.watcher import VersionWatcher
from tests.lifecycle.conftest import write_version

_LISTENERS: list = []
"""An audit hook stays for the life of the process; it does nothing while no test records."""


def _audit(event: str, arguments: tuple) -> None:
    if _LISTENERS and event in ("open", "os.listdir", "os.scandir", "os.readlink"):
        for listener in _LISTENERS:
            listener(arguments[0])


@pytest.fixture
def touches(model, monkeypatch):
    """(thread, path) of everything that looks at a path of the volume."""
    if not hasattr(sys, "_longshore_audited"):
        sys.addaudithook(_audit)
        sys._longshore_audited = True  # type: ignore[attr-defined]
    seen: list[tuple[threading.Thread, str]] = []

    def note(path: object) -> None:
        if isinstance(path, str | os.PathLike) and str(path).startswith(str(model)):
            seen.append((threading.current_thread(), str(path)))

    def noting(function):
        def call(path, *args, **kwargs):
            note(path)
            return function(path, *args, **kwargs)

        return call

    for name in ("stat", "lstat", "readlink"):
        monkeypatch.setattr(os, name, noting(getattr(os, name)))
    watch = VolumeEvents.watch

    def noting_watch(self: VolumeEvents, root: Path) -> None:
        note(root)
        watch(self, root)

    monkeypatch.setattr(VolumeEvents, "watch", noting_watch)
    _LISTENERS.append(note)
    yield seen
    _LISTENERS.remove(note)


async def test_nothing_of_the_volume_is_touched_on_the_event_loop(manage, model, touches):
    manager = await manage()
    touches.clear()  # its name was read, before anything is served
    watching = asyncio.create_task(VersionWatcher(manager, model, poll_seconds=3600).run())

    async def wait_until(condition) -> None:
        while not condition():
            await asyncio.sleep(0.01)

    def serves(version: str) -> bool:
        default = manager.served.default
        return default is not None and default.version == version

    def write(version: str, text: str = "") -> asyncio.Future:
        return asyncio.get_running_loop().run_in_executor(None, write_version, model, version, text)

    try:
        await write("1")
        await wait_until(lambda: serves("1"))
        await write("3", "unknown_key: 1")
        await wait_until(lambda: manager.served.describe_problems())
        await write("2")
        await wait_until(lambda: serves("2"))
        await manager.unload()
    finally:
        watching.cancel()

    assert len(touches) > 20
    loop = threading.current_thread()
    assert [path for thread, path in touches if thread is loop] == []


async def test_a_file_written_right_after_a_look_at_a_new_folder_leads_to_another(manage, tmp_path):
    looks: asyncio.Queue[int] = asyncio.Queue()

    async def look_and_write() -> None:
        looks.put_nowait(1)
        if (tmp_path / "1").is_dir():
            (tmp_path / "1" / "model.onnx").touch()

    still = SimpleNamespace(settling=False)
    looking = SimpleNamespace(
        workers=(await manage()).workers, served=still, refresh=look_and_write
    )
    watching = asyncio.create_task(VersionWatcher(looking, tmp_path, poll_seconds=3600).run())
    try:
        await looks.get()
        (tmp_path / "1").mkdir()
        async with asyncio.timeout(30):
            await looks.get()
            await looks.get()
    finally:
        watching.cancel()
