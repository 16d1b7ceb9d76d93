"""Directories that hold more than a version may have are refused again without being walked again.

No entry comes or goes without a change of the directory that holds it: as long as the directories
that were gone into are as they were, there are as many entries as there were.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from longshore.repository.regular_file import IrregularFile

MAX_REMEMBERED = 100
COARSEST_SECONDS = 2.0
"""Of the times that a file system keeps: two changes within as long may leave the same (FAT)."""

_Identity: TypeAlias = tuple[int, int, int, int]


class TooMany(IrregularFile):
    """More files or directories than a version may have."""


class GoneInto(dict[Path, _Identity]):
    """The directories of one walk, each as it was just before it was listed."""

    def note(self, directory: Path) -> None:
        self[directory] = _identity(directory)


class _Found(Struct, frozen=True):
    gone_into: GoneInto
    message: str
    since: float
    """From then on they are known to be as they are."""
    is_certain: bool
    """They were walked so long afterwards that no change before hides behind an equal time."""


class Overfull:
    """What was found, by the directory in which the walk began; `clock` is monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: dict[Path, _Found] = {}

    @contextmanager
    def walk(self, directory: Path) -> Iterator[GoneInto]:
        """Around a walk, which notes what it goes into and raises `TooMany` when it gives up.

        Raises:
            TooMany: as before, at once, when nothing changed since.
        """
        found = self._found.get(directory)
        if found is not None and found.is_certain and _is_as_it_was(found.gone_into):
            raise TooMany(found.message)
        begun_at, gone_into = self._clock(), GoneInto()
        try:
            yield gone_into
        except TooMany as error:
            self._remember(directory, gone_into, str(error), begun_at)
            raise

    def _remember(
        self, directory: Path, gone_into: GoneInto, message: str, begun_at: float
    ) -> None:
        before = self._found.pop(directory, None)
        since, is_certain = self._clock(), False
        if before is not None and before.gone_into == gone_into:
            since, is_certain = before.since, begun_at - before.since >= COARSEST_SECONDS
        self._found[directory] = _Found(gone_into, message, since, is_certain)
        if len(self._found) > MAX_REMEMBERED:
            del self._found[next(iter(self._found))]


def _is_as_it_was(gone_into: GoneInto) -> bool:
    try:
        return all(_identity(directory) == was for directory, was in gone_into.items())
    except OSError:
        return False


def _identity(directory: Path) -> _Identity:
    status = os.stat(directory)
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns
