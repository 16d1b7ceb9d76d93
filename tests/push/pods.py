"""A cluster whose pods are processes of this machine, and whose volume is a directory.

The API server's answers are written here; what runs in the pod is the real thing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from longshore_k8s.api import Json, Reply
from longshore_k8s.doctor.release import labels
from longshore_k8s.exec_stream import ConnectionBroke
from longshore_k8s.push.pod_manifest import MOUNT, PodOptions
from longshore_k8s.push.pushing import Push
from longshore_k8s.push.target import Target

CLAIM: Json = {
    "metadata": {"name": "models"},
    "spec": {"accessModes": ["ReadWriteMany"], "volumeName": "pv"},
    "status": {"phase": "Bound", "accessModes": ["ReadWriteMany"]},
}
OPTIONS = PodOptions("registry.example/longshore:1-cpu", "1", "256Mi")


class Process:
    """A stream to a process; `breaks_after` bytes to it, the way is broken."""

    def __init__(self, command: list[str], breaks_after: int | None) -> None:
        self.sent = 0
        self._breaks_after = breaks_after
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._pipes: Any = self._process
        os.set_blocking(self._pipes.stdout.fileno(), False)
        self.stderr = ""

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def send(self, data: bytes) -> None:
        self.sent += len(data)
        if self._breaks_after is not None and self.sent > self._breaks_after:
            raise ConnectionBroke("cut")
        try:
            self._pipes.stdin.write(data)
            self._pipes.stdin.flush()
        except BrokenPipeError as error:
            raise ConnectionBroke("it takes no more") from error

    def receive(self, seconds: float) -> bytes | None:
        ended = self._process.poll() is not None
        found: bytes | None = self._pipes.stdout.read()
        if found:
            return found
        if ended:
            self.stderr = self._pipes.stderr.read().decode()
            return None
        if seconds:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.01)
        return b""

    def close(self) -> None:
        """As a kubelet: stdin ends with the connection."""
        for pipe in (self._pipes.stdin, self._pipes.stdout, self._pipes.stderr):
            with suppress(BrokenPipeError):
                pipe.close()
        self._process.wait(10)


@dataclass
class Cluster:
    """Pods run at once. `breaks` has a number of bytes for each exec that is to break."""

    volume: Path
    breaks: list[int] = field(default_factory=list)
    pods: dict[str, Json] = field(default_factory=dict)
    made: list[Json] = field(default_factory=list)
    streams: list[Process] = field(default_factory=list)
    answers: dict[str, tuple[int, Json]] = field(default_factory=dict)
    refusal: Reply | None = None
    status: Json = field(default_factory=lambda: RUNNING)
    program: Sequence[str] = (sys.executable, "-m", "longshore_k8s.push.in_pod")

    def get(self, path: str, **query: str) -> Reply:
        if "labelSelector" in query:
            wanted = dict(word.split("=") for word in query["labelSelector"].split(","))
            items = [p for p in self.pods.values() if wanted.items() <= labels(p).items()]
            return _reply(200, {"items": items})
        if path in self.pods:
            return _reply(200, {**self.pods[path], "status": self.status})
        return _reply(*self.answers.get(path, (404, {})))

    def post(self, path: str, body: Json) -> Reply:
        if self.refusal is not None:
            return self.refusal
        self.pods[f"{path}/{body['metadata']['name']}"] = body
        self.made.append(body)
        return _reply(201, body)

    def delete(self, path: str, *, grace_seconds: int) -> Reply:
        return _reply(200 if self.pods.pop(path, None) else 404, {})

    def execute(self, pod: str, command: Sequence[str]) -> Process:
        words = [str(self.volume) if word == MOUNT else word for word in command[3:]]
        limit = self.breaks.pop(0) if self.breaks else None
        self.streams.append(Process([*self.program, *words], limit))
        return self.streams[-1]


RUNNING: Json = {
    "phase": "Running",
    "containerStatuses": [{"name": "push", "state": {"running": {}}}],
}


@dataclass
class Said:
    """A display that keeps what it is told."""

    sentences: list[str] = field(default_factory=list)
    shown: list[tuple[str, int, int]] = field(default_factory=list)
    watch: Callable[[], None] = lambda: None

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)

    def show(self, doing: str, done: int, total: int) -> None:
        self.shown.append((doing, done, total))
        self.watch()


def push(cluster: Any, model: Any, *, path: str = "digits", **options: Any) -> Said:
    """Push `model` to `path`; raises what the push raises."""
    said = options.pop("said", None) or Said()
    target = Target("prod", CLAIM, path, None)
    Push(cluster, target, model, OPTIONS, said, sleep=lambda seconds: None, **options).run()
    return said


def _reply(status: int, body: Json) -> Reply:
    return Reply(status, json.dumps(body).encode())
