"""The files that make up a version, and whether they have stopped changing."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from pathlib import Path

from msgspec import Struct

from longshore.repository.manifest import FILE_NAME, MAX_FILES, is_manifest_file
from longshore.repository.overfull import GoneInto, Overfull, TooMany
from longshore.repository.regular_file import IrregularFile, regular_status, resolve_inside
from longshore.repository.turns import Turns

_NOT_OURS = "lost+found"
"""What fsck leaves at the root of a volume."""
_MAX_DEPTH = 32
MAX_ENTRIES = MAX_FILES + 1000
"""Of one directory, those that are no part of the version included."""
_MAX_DIRECTORIES = 1000


class VersionFiles(Struct, frozen=True):
    """A directory as it was at one moment; the manifest is not among its files."""

    sizes: dict[str, int]
    """Bytes by path relative to the directory."""
    changed_at: float
    """The latest modification of a file or directory, seconds since the epoch."""
    fingerprint: str
    """Changes when a file is added, removed, replaced or written to."""


def list_version_files(
    directory: Path,
    *,
    root: Path,
    recursive: bool,
    only: Collection[str] | None = None,
    turns: Turns | None = None,
    overfull: Overfull | None = None,
) -> VersionFiles:
    """Look at every file below `directory`, or only right in it when not `recursive`; `only` names
    those to look at. Pauses by `turns`; does not walk again what `overfull` knows.

    Raises:
        IrregularFile: `recursive` and something below is neither a directory nor a regular file
            inside `root`, or there are too many files. Without `recursive` such things are left
            out: a model directory may hold more than its lone file.
    """
    turns = turns or Turns()
    if only is not None:
        return _collect(directory, _named(directory, only, root=root), 0.0, turns)
    with (overfull or Overfull()).walk(directory) as gone_into:
        changed_at = directory.stat().st_mtime
        found = _walk(directory, turns, gone_into, root=root, recursive=recursive)
        return _collect(directory, found, changed_at, turns)


def _collect(
    directory: Path,
    found: Iterator[tuple[str, os.stat_result]],
    changed_at: float,
    turns: Turns,
) -> VersionFiles:
    fingerprint = hashlib.sha256()
    sizes: dict[str, int] = {}
    directories = 0
    for name, status in found:
        turns.step()
        changed_at = max(changed_at, status.st_mtime)
        if stat.S_ISDIR(status.st_mode):
            directories += 1
            if directories > _MAX_DIRECTORIES:
                raise TooMany(f"{directory.name} holds more than {_MAX_DIRECTORIES} directories")
            continue
        if len(sizes) >= MAX_FILES:
            raise TooMany(f"{directory.name} holds more than {MAX_FILES} files")
        sizes[name] = status.st_size
        fingerprint.update(_facts(name, status).encode())
    return VersionFiles(dict(sorted(sizes.items())), changed_at, fingerprint.hexdigest())


def manifest_fingerprint(directory: Path) -> str:
    """Changes when the manifest is replaced or written to; empty where there is none."""
    try:
        return _facts(FILE_NAME, os.lstat(directory / FILE_NAME))
    except FileNotFoundError:
        return ""


def _facts(name: str, status: os.stat_result) -> str:
    return repr((name, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))


def _walk(
    directory: Path,
    turns: Turns,
    gone_into: GoneInto,
    *,
    root: Path,
    recursive: bool,
    prefix: str = "",
) -> Iterator[tuple[str, os.stat_result]]:
    if prefix.count("/") > _MAX_DEPTH:
        raise IrregularFile(f"{prefix} is nested deeper than {_MAX_DEPTH} directories")
    gone_into.note(directory)
    for entry in entries_of(directory, turns):
        name = prefix + entry.name
        if is_manifest_file(entry.name) or entry.name == _NOT_OURS:
            continue
        if entry.is_file(follow_symlinks=False):  # where its directory is, there it is
            yield name, entry.stat(follow_symlinks=False)
        elif not entry.is_dir(follow_symlinks=False):
            yield from _regular(Path(entry.path), name, root=root, strict=recursive)
        elif recursive:
            yield name, entry.stat(follow_symlinks=False)
            below = Path(entry.path)
            yield from _walk(below, turns, gone_into, root=root, recursive=True, prefix=f"{name}/")


def entries_of(directory: Path, turns: Turns) -> list[os.DirEntry[str]]:
    """By name; no more of them are looked at than a version may have.

    Raises:
        TooMany: it has more.
    """
    found = []
    with os.scandir(directory) as entries:
        for entry in islice(entries, MAX_ENTRIES + 1):
            found.append(entry)
            turns.step()
    if len(found) > MAX_ENTRIES:
        raise TooMany(f"{directory.name} holds more than {MAX_ENTRIES} files, allowed: {MAX_FILES}")
    return sorted(found, key=lambda entry: entry.name)


def _named(
    directory: Path, names: Collection[str], *, root: Path
) -> Iterator[tuple[str, os.stat_result]]:
    for name in sorted(names):
        if os.path.lexists(directory / name):
            yield from _regular(directory / name, name, root=root, strict=True)


def _regular(
    path: Path, name: str, *, root: Path, strict: bool
) -> Iterator[tuple[str, os.stat_result]]:
    try:
        yield name, regular_status(resolve_inside(path, root))
    except IrregularFile:
        if strict:
            raise


class Stillness:
    """Tells when something has not changed for `settle_seconds`.

    An old modification time is enough. Where it is recent, or in the future because clocks differ,
    the same fingerprint must have been seen for as long.
    """

    def __init__(self, settle_seconds: float, *, clock: Callable[[], float]) -> None:
        self._settle_seconds = settle_seconds
        self._clock = clock
        self._seen: dict[str, tuple[str, float]] = {}

    def last_seen(self, version: str) -> str:
        """The fingerprint of its last look; empty when there was none."""
        return self._seen.get(version, ("", 0.0))[0]

    def is_still(self, version: str, files: VersionFiles) -> bool:
        now = self._clock()
        fingerprint, since = self._seen.get(version, (files.fingerprint, now))
        if fingerprint != files.fingerprint or since > now:
            since = now
        self._seen[version] = (files.fingerprint, since)
        age = max(now - files.changed_at, now - since)
        return age >= self._settle_seconds

    def forget_all_but(self, versions: set[str]) -> None:
        self._seen = {key: value for key, value in self._seen.items() if key in versions}
