"""One exec in the pod: what is said to it, and the lines that come back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from longshore_k8s.api import Json, Reply
from longshore_k8s.exec_stream import ConnectionBroke
from longshore_k8s.push.cluster import Cluster, Stream
from longshore_k8s.push.errors import PushBroke, PushFailed
from longshore_k8s.push.in_pod.lines import PROTOCOL, SILENCE_SECONDS, encode
from longshore_k8s.push.pod import why_it_ended
from longshore_k8s.push.pod_trouble import OUT_OF_MEMORY

_NOT_STARTED = (126, 127, 255)
_SIGKILLED = 137
"""Of a process in a pod that goes on: the kernel ended it alone, for want of memory."""
_NOT_THERE = ("No module named", "executable file not found")


class Conversation:
    """Lines from a stream, and bytes to it."""

    def __init__(self, stream: Stream, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._buffer = b""

    def say(self, document: Json) -> None:
        self.send(encode(document))

    def send(self, data: bytes) -> None:
        """Raises:
        PushBroke: the way is broken.
        """
        try:
            self._stream.send(data)
        except ConnectionBroke as error:
            raise PushBroke(f"the connection broke: {error}") from error

    def heard(self) -> Iterator[Json]:
        """The lines that are there, without waiting for more."""
        while (line := self._line(0.0)) is not None:
            yield line

    def next(self) -> Json:
        """The next line.

        Raises:
            PushBroke: there is none for two minutes, or the process ended.
        """
        until = self._clock() + SILENCE_SECONDS
        while self._clock() < until:
            line = self._line(1.0)
            if line is not None:
                return line
        raise PushBroke(f"the pod said nothing for {SILENCE_SECONDS:.0f} s")

    def _line(self, seconds: float) -> Json | None:
        if b"\n" not in self._buffer:
            try:
                found = self._stream.receive(seconds)
            except ConnectionBroke as error:
                raise PushBroke(f"the connection broke: {error}") from error
            if found is None:
                raise ProcessEnded(self._stream.exit_code, self._stream.stderr)
            self._buffer += found
        line, newline, rest = self._buffer.partition(b"\n")
        if not newline:
            return None
        self._buffer = rest
        document = json.loads(line)
        return document if isinstance(document, dict) else {}


class ProcessEnded(PushBroke):
    """The process in the pod ended without its last word."""

    def __init__(self, exit_code: int | None, stderr: str) -> None:
        super().__init__(f"the process in the pod ended with {exit_code}: {stderr[-500:]}")
        self.exit_code, self.stderr = exit_code, stderr


@contextmanager
def conversation(
    cluster: Cluster, pod: str, words: Sequence[str], *, image: str
) -> Iterator[Conversation]:
    """With `python -m longshore_k8s.push.in_pod WORDS` in the pod, once it has said who it is.

    Raises:
        PushFailed: the image has no such program, or another version of it.
        PushBroke: the way to it broke, within as well.
    """
    command = ["python", "-m", "longshore_k8s.push.in_pod", *words]
    stream = cluster.execute(pod, command)
    if isinstance(stream, Reply):
        said = str(stream.json().get("message") or stream.body[:300].decode(errors="replace"))
        if stream.status in (401, 403):
            raise PushFailed(f"you may not run a command in the pod (pods/exec) [{said}]")
        raise PushBroke(f"no command can be run in the pod [{stream.status}: {said}]")
    try:
        found = Conversation(stream)
        _greet(found, image)
        yield found
    except PushBroke as error:
        reason = why_it_ended(cluster, pod)
        was_killed = isinstance(error, ProcessEnded) and error.exit_code == _SIGKILLED
        if reason == OUT_OF_MEMORY or (was_killed and reason is None):
            raise PushFailed(OUT_OF_MEMORY) from error
        raise PushBroke(f"{error}; {reason}" if reason else str(error)) from error
    finally:
        stream.close()


def _greet(found: Conversation, image: str) -> None:
    try:
        spoken = found.next().get("protocol")
    except ProcessEnded as error:
        is_missing = any(one in error.stderr for one in _NOT_THERE)
        if not is_missing and error.exit_code not in _NOT_STARTED:
            raise
        raise PushFailed(
            f"the image {image} cannot take a model in: build it from this version (make "
            f"image-cpu), and name it by --image [{error.stderr[-300:]}]"
        ) from error
    if spoken != PROTOCOL:
        raise PushFailed(
            f"the image {image} is of another version of Longshore, which speaks another protocol "
            f"({spoken}, not {PROTOCOL}): name one of this version by --image"
        )
