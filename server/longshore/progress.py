"""What a long piece of work is doing and how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import Struct

WORTH_TELLING_SECONDS = 5.0
"""Work that takes less is over before anybody asks."""
MIB = 2**20


class _Step(Struct, frozen=True):
    doing: str
    done_bytes: int = 0
    total_bytes: int = 0

    def __str__(self) -> str:
        if not self.total_bytes:
            return self.doing
        percent = 100 * self.done_bytes // self.total_bytes
        return (
            f"{self.doing}: {self.done_bytes // MIB} of {self.total_bytes // MIB} MiB ({percent} %)"
        )


class Progress:
    """One piece of work after another; told by the thread that works, read by any."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._subject: tuple[str, float] | None = None
        """What is worked on, and since when."""
        self._step = _Step("")
        self._changed_at = clock()

    def start(self, subject: str) -> None:
        """Work on `subject` begins, in place of what was worked on before."""
        self._step = _Step("")
        self._changed_at = self._clock()
        self._subject = (subject, self._clock())

    def end(self) -> None:
        self._subject = None

    def begin(self, doing: str, *, total_bytes: int = 0) -> None:
        """The next step (`hashing model.onnx`), with the bytes that it will go through."""
        self._step = _Step(doing, 0, total_bytes)
        self._changed_at = self._clock()

    @contextmanager
    def within(self, doing: str, *, total_bytes: int = 0) -> Iterator[None]:
        """A part of the step that has begun, which goes on afterwards."""
        outer = self._step
        self.begin(doing, total_bytes=total_bytes)
        try:
            yield
        finally:
            self._step = outer

    def advance(self, count: int) -> None:
        """`count` more bytes of the step are done."""
        step = self._step
        self._step = _Step(step.doing, step.done_bytes + count, step.total_bytes)
        self._changed_at = self._clock()

    @property
    def silent_seconds(self) -> float:
        """Since the last step or its last bytes."""
        return self._clock() - self._changed_at

    @property
    def seconds(self) -> float:
        """Since the work began; 0 where there is none."""
        subject = self._subject
        return 0.0 if subject is None else self._clock() - subject[1]

    def describe(self) -> str:
        """What is done for how long, as a sentence; empty where it is not worth telling."""
        subject, step = self._subject, self._step
        if subject is None or self.seconds < WORTH_TELLING_SECONDS:
            return ""
        name, since = subject
        doing = f"{name}: {step}" if step.doing else name
        return f"{doing}, for {self._clock() - since:.0f} s"
