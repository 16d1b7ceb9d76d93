"""One trial from the side of the process that serves: the child is started, heard, and judged."""

from __future__ import annotations

import logging
import os
import pickle
import selectors
import subprocess
import sys
import threading
from typing import Any

from msgspec import Struct

from longshore.child_process import cpu_seconds_of, one_thread_environment
from longshore.errors import ArtifactChanged, ModelLoadError
from longshore.lifecycle.trial import messages
from longshore.lifecycle.trial.pace import Pace, SharedCpus
from longshore.lifecycle.trial.request import TrialRequest
from longshore.lifecycle.trial.room import Room
from longshore.lifecycle.trial.verdict import (
    FailureKind,
    TrialFailed,
    TrialStopped,
    describe_end,
)
from longshore.lifecycle.trial.watch import Watch
from longshore.loading.records.trial_findings import TrialFindings
from longshore.progress import Progress

logger = logging.getLogger(__name__)

CHILD = "longshore.lifecycle.trial.child"
TICK_SECONDS = 0.05
READ_BYTES = 65536
STDERR_KEPT = 2000
"""Of what the child's libraries print; the last of it says most of a crash."""


class Passed(Struct, frozen=True):
    """A version that can be served."""

    findings: TrialFindings
    needed_bytes: int
    """At its peak, without what any process takes that loads a model."""


class Bounds(Struct, frozen=True):
    """Of a trial."""

    seconds: float
    room: Room | None
    shared: SharedCpus | None
    """With clients' work; `None` where there is none."""
    artifact_bytes: int = 0
    is_starved: bool = False
    """It was tried at the lowest priority, and got no CPU."""


class Supervisor:
    """Of one child; `run` blocks until it has ended, on one thread: the kernel ends the child with
    the thread that started it.
    """

    def __init__(
        self, request: TrialRequest, bounds: Bounds, progress: Progress, stopped: threading.Event
    ) -> None:
        self._request = request
        self._bounds = bounds
        self._progress = progress
        self._stopped = stopped
        self._pid: int | None = None
        self._lines = messages.Lines()
        self._pace: Pace | None = None
        self._result: tuple[str, Any] | None = None
        self._printed = b""
        self._cpu_seconds = 0.0

    @property
    def cpu_seconds(self) -> float:
        """Of the child so far; read from any thread."""
        pid = self._pid
        if pid is not None:
            self._cpu_seconds = max(self._cpu_seconds, cpu_seconds_of(pid))
        return self._cpu_seconds

    def run(self) -> Passed:
        """Raises:
        TrialFailed: the version is refused, ended the child, hung or needs too much memory.
        ArtifactChanged: a file of it changed meanwhile.
        TrialStopped: `stopped` was set.
        """
        child = self._start()
        self._pid = child.pid
        bounds = self._bounds
        self._watch = Watch(
            child.pid,
            bounds.room,
            seconds=bounds.seconds,
            artifact_bytes=bounds.artifact_bytes,
            is_patient=bounds.is_starved or bounds.shared is None,
        )
        if bounds.shared is not None:
            self._pace = bounds.shared.pace(child.pid, is_starved=bounds.is_starved)
        try:
            self._send(child)
            self._follow(child)
        finally:
            child.kill()
            self._cpu_seconds, self._pid = self.cpu_seconds, None
            child.wait()
            for stream in (child.stdin, child.stdout, child.stderr):
                if stream is not None:
                    stream.close()
        return self._judge(child)

    def _start(self) -> subprocess.Popen[bytes]:
        room = self._bounds.room
        memory = 0 if room is None else max(room.free_bytes, 1)
        is_last = not self._bounds.is_starved
        return subprocess.Popen(
            [sys.executable, "-m", CHILD, str(os.getpid()), str(memory), str(int(is_last))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=one_thread_environment(),  # backends set their own
            bufsize=0,
        )

    def _send(self, child: subprocess.Popen[bytes]) -> None:
        assert child.stdin is not None
        try:
            child.stdin.write(pickle.dumps(self._request))
            child.stdin.close()
        except BrokenPipeError:
            logger.debug("the child of a trial ended before it was told what to try")

    def _follow(self, child: subprocess.Popen[bytes]) -> None:
        """Until the child closes its pipe."""
        tick = TICK_SECONDS
        with selectors.DefaultSelector() as selector:
            for stream in (child.stdout, child.stderr):
                assert stream is not None
                selector.register(stream, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select(tick):
                    data = os.read(key.fd, READ_BYTES)
                    if not data:
                        selector.unregister(key.fileobj)
                        if key.fileobj is child.stdout:
                            self._wait(child)
                            return
                    elif key.fileobj is child.stdout:
                        self._hear(data)
                    else:
                        self._printed = (self._printed + data)[-STDERR_KEPT:]
                tick = self._check()

    def _check(self) -> float:
        """Seconds after which to do so again."""
        if self._stopped.is_set():
            raise TrialStopped
        if self._result is None:
            self._watch.check()  # before the pace changes: what passed was all of one kind
        return TICK_SECONDS if self._pace is None else self._pace.tick()

    def _wait(self, child: subprocess.Popen[bytes]) -> None:
        try:
            child.wait(5.0)
        except subprocess.TimeoutExpired:
            logger.warning("a trial has closed its pipe and does not end")

    def _hear(self, data: bytes) -> None:
        watch = self._watch
        watch.hear()
        try:
            for kind, content in self._lines.feed(data):
                self._take(kind, content, watch)
        except (ValueError, TypeError, KeyError) as error:
            raise _nonsense(error) from error

    def _take(self, kind: str, content: Any, watch: Watch) -> None:
        if kind == messages.STEP:
            doing, total = content
            watch.doing = str(doing)
            self._progress.begin(f"trying it: {watch.doing}", total_bytes=int(total))
        elif kind == messages.BYTES:
            self._progress.advance(int(content))
        elif kind == messages.BEGUN:
            watch.base_bytes = int(content)
        elif kind == messages.LOG:
            level, text = content
            logger.log(min(int(level), logging.WARNING), "%s", text)
        elif kind in (messages.PASSED, messages.FAILED):
            self._result = kind, content

    def _judge(self, child: subprocess.Popen[bytes]) -> Passed:
        watch = self._watch
        if self._result is None:
            self._tell_what_was_printed()
            end = describe_end(child.returncode)
            raise TrialFailed(f"{end} while {watch.doing}", FailureKind.CRASHED)
        kind, content = self._result
        try:
            if kind == messages.PASSED:
                findings = TrialFindings.of_content(content["findings"])
                watch.peak_bytes = max(watch.peak_bytes, int(content["bytes"]))
                return Passed(findings, watch.needed_bytes)
            raise self._refusal(str(content["kind"]), str(content["message"]))
        except (ValueError, TypeError, KeyError) as error:
            raise _nonsense(error) from error

    def _refusal(self, kind: str, message: str) -> ModelLoadError:
        if kind == "changed":
            return ArtifactChanged(message)
        if kind == "memory":
            return self._watch.no_memory(message)
        if kind == "device memory":
            return TrialFailed(message, FailureKind.MEMORY)
        return TrialFailed(message, FailureKind.REFUSED)

    def _tell_what_was_printed(self) -> None:
        text = self._printed.decode(errors="replace").strip()
        if text:
            logger.warning("a trial ended the process that ran it, which printed last:\n%s", text)


def _nonsense(error: Exception) -> TrialFailed:
    """What was said cannot be read."""
    return TrialFailed(f"its trial said what no trial says: {error}", FailureKind.CRASHED)
