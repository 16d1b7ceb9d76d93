"""How far a push is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Protocol, TextIO

from longshore.progress import MIB, Progress

_WIDTH = 24
_WINDOW_SECONDS = 8.0
"""What the rate is taken over: long enough to be read, short enough to be true."""
_BAR_SECONDS, _LINE_SECONDS = 0.2, 10.0


class Display(Protocol):
    def say(self, sentence: str) -> None:
        """A line of its own, that stays."""

    def show(self, doing: str, done: int, total: int) -> None:
        """`done` of `total` bytes; called as often as one likes."""


class Rate:
    """Bytes a second over the last seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._points: deque[tuple[float, int]] = deque()

    def reach(self, done: int) -> None:
        now = self._clock()
        if self._points and done < self._points[-1][1]:
            self._points.clear()  # something else, or the same from further back
        self._points.append((now, done))
        while now - self._points[0][0] > _WINDOW_SECONDS and len(self._points) > 2:
            self._points.popleft()

    @property
    def per_second(self) -> float:
        (since, before), (until, after) = self._points[0], self._points[-1]
        return (after - before) / (until - since) if until > since else 0.0


class _Figures(ABC):
    """What both ways of showing it have in common."""

    def __init__(self, stream: TextIO, clock: Callable[[], float], every_seconds: float) -> None:
        self._stream = stream
        self._clock = clock
        self._every_seconds = every_seconds
        self._doing = ""
        self._shown_at = 0.0

    def show(self, doing: str, done: int, total: int) -> None:
        if doing != self._doing:
            self._doing, self._rate = doing, Rate(self._clock)
            self._shown_at = self._clock() - self._every_seconds
        self._rate.reach(done)
        is_due = self._clock() - self._shown_at >= self._every_seconds
        if is_due or done >= total:
            self._shown_at = self._clock()
            self._draw(done, total)

    @abstractmethod
    def _draw(self, done: int, total: int) -> None: ...

    def _text(self, done: int, total: int) -> str:
        share = 100 * done // total if total else 100
        rate = self._rate.per_second
        text = (
            f"{share:3} % of {size(total)}, {size(rate)}/s"
            if rate
            else f"{share:3} % of {size(total)}"
        )
        return f"{text}, {_span((total - done) / rate)} left" if rate and done < total else text


class Bar(_Figures):
    """One line of a terminal, written over again and again."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream, clock, _BAR_SECONDS)
        self._is_open = False

    def say(self, sentence: str) -> None:
        self._clear()
        self._stream.write(f"{sentence}\n")
        self._stream.flush()

    def _draw(self, done: int, total: int) -> None:
        filled = _WIDTH * done // total if total else _WIDTH
        bar = "#" * filled + "-" * (_WIDTH - filled)
        self._stream.write(f"\r\x1b[K{self._doing:9} [{bar}] {self._text(done, total)}")
        self._is_open = True
        if done >= total:
            self._stream.write("\n")
            self._is_open = False
        self._stream.flush()

    def _clear(self) -> None:
        if self._is_open:
            self._stream.write("\r\x1b[K")
            self._is_open = False


class Lines(_Figures):
    """A line every ten seconds, for logs."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream, clock, _LINE_SECONDS)

    def say(self, sentence: str) -> None:
        self._stream.write(f"{sentence}\n")
        self._stream.flush()

    def _draw(self, done: int, total: int) -> None:
        self.say(f"{self._doing}: {self._text(done, total).strip()}")


def display(stream: TextIO) -> Display:
    """What suits the stream."""
    return Bar(stream) if stream.isatty() else Lines(stream)


class Shown(Progress):
    """Work of this process, on a display."""

    def __init__(self, on: Display) -> None:
        super().__init__()
        self._on, self._doing, self._done, self._total = on, "", 0, 0

    def begin(self, doing: str, *, total_bytes: int = 0) -> None:
        super().begin(doing, total_bytes=total_bytes)
        self._doing, self._done, self._total = doing, 0, total_bytes

    def advance(self, count: int) -> None:
        super().advance(count)
        self._done += count
        self._on.show(self._doing, self._done, self._total)


def size(count: float) -> str:
    """`17 MiB`, with a digit more where it is small."""
    for unit, factor in (("GiB", 1024 * MIB), ("MiB", MIB), ("KiB", 1024)):
        if count >= factor:
            return (
                f"{count / factor:.1f} {unit}"
                if count < 10 * factor
                else f"{count / factor:.0f} {unit}"
            )
    return f"{count:.0f} bytes"


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
