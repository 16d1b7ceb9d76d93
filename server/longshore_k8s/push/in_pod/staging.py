"""A version that is copied beside its place and renamed in the end.

<model>/.push-<version>-<digest of the manifest>/   the files, as far as they have come
<model>/.push-<version>-<digest of the manifest>.lock
The name of the directory says what it is to become, so that the same push goes on where an earlier
one was broken. Names that begin with a dot are nothing to a server.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from longshore.progress import Progress
from longshore.repository.atomic_file import write_atomically
from longshore.repository.integrity import hash_file
from longshore.repository.layout import CALIBRATION_DIRECTORY, CONFIG_FILE
from longshore.repository.manifest import FILE_NAME, Manifest
from longshore.repository.regular_file import resolve_inside

PREFIX, _LOCK = ".push-", ".lock"
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL}
_SYNC_BYTES = 64 * 1024 * 1024
_CALIBRATION = re.compile(r"[0-9]{1,19}-[0-9a-f]{16}\.json")


class Refused(Exception):
    """Why it goes no further: a code, and what it takes to say it in words."""

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.code, self.facts = code, facts


class Staging:
    """One version on its way."""

    def __init__(self, root: Path, version: str, manifest: Manifest) -> None:
        self._root, self._manifest = root, manifest
        self._place = root / version
        self._version = version
        self.directory = root / f"{PREFIX}{version}-{manifest.digest[:16]}"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Raises:
        Refused: `busy`, another push of the same is under way.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        lock = self._root / f"{self.directory.name}{_LOCK}"
        with lock.open("w") as file:
            _lock(file.fileno())
            try:
                yield
            finally:
                with suppress(OSError):
                    self.directory.rmdir()  # nothing came
                if not self.directory.exists():
                    lock.unlink(missing_ok=True)

    def check_absent(self) -> None:
        """Raises:
        Refused: `exists`.
        """
        if os.path.lexists(self._place):
            raise Refused("exists", same=self._is_the_same())

    def begin(self) -> dict[str, int]:
        """The bytes that are there already, by file; what does not belong there is removed."""
        self.directory.mkdir(exist_ok=True)
        found: dict[str, int] = {}
        for path in sorted(self.directory.rglob("*")):
            name = path.relative_to(self.directory).as_posix()
            if path.is_dir():
                continue
            listed = self._manifest.files.get(name)
            if listed is None or path.is_symlink() or path.stat().st_size > listed.size:
                path.unlink()
            else:
                found[name] = path.stat().st_size
        return found

    def write(self, name: str, offset: int, chunks: Iterator[bytes]) -> Iterator[int]:
        """Append to a file from `offset` on; gives the bytes of each piece that is written.

        Raises:
            Refused: `file`, it is not listed or ends elsewhere.
        """
        path = self.directory / name
        if name not in self._manifest.files:
            raise Refused("file", name=name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            if file.tell() != offset:
                raise Refused("file", name=name)
            unsynced = 0
            for chunk in chunks:
                file.write(chunk)
                unsynced += len(chunk)
                if unsynced >= _SYNC_BYTES:
                    file.flush()
                    os.fdatasync(file.fileno())
                    unsynced = 0
                yield len(chunk)
            file.flush()
            os.fsync(file.fileno())

    def verify(self, progress: Progress) -> None:
        """Read every file back from the volume and compare it with the manifest. One that differs
        is removed.

        Raises:
            Refused: `digest`, with the names.
        """
        differing = []
        for name, listed in self._manifest.files.items():
            path = self.directory / name
            if not path.exists() or hash_file(self.directory, name, progress) != listed:
                path.unlink(missing_ok=True)
                differing.append(name)
        if differing:
            raise Refused("digest", names=differing)

    def publish(self) -> None:
        """Write the manifest, and rename the directory into its place.

        Raises:
            Refused: `exists`, somebody else published that version meanwhile; `rename`, the
                volume cannot rename a directory.
        """
        write_atomically(self.directory / FILE_NAME, self._manifest.to_json())
        for directory, _, _ in os.walk(self.directory, topdown=False):
            _sync(Path(directory))
        self.check_absent()
        try:
            os.rename(self.directory, self._place)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise Refused("exists", same=False) from error
            raise Refused("rename", reason=error.strerror) from error
        _sync(self._root)
        remove_interrupted(self._root, self._version)

    def _is_the_same(self) -> bool:
        with suppress(OSError):
            return (self._place / FILE_NAME).read_text() == self._manifest.to_json()
        return False


def put_config(root: Path, text: str | None, *, replaces: bool, is_trial: bool) -> None:
    """Put `config.yaml` there where there is none; with `is_trial` only see whether that may be.

    Raises:
        Refused: `config`, there is another one and it is not to be replaced.
    """
    file = root / CONFIG_FILE
    if text is None:
        return
    try:
        found = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        found = None
    if found == text:
        return
    if found is not None and not replaces:
        raise Refused("config")
    if not is_trial:
        write_atomically(file, text)


def put_calibrations(root: Path, texts: Mapping[str, str]) -> None:
    """Beside the versions; in the place of those of the same name, which are of the same
    conditions.

    Raises:
        ValueError: a name is none of a calibration, or their directory leads out of the model.
    """
    directory = root / CALIBRATION_DIRECTORY
    for name in texts:
        if _CALIBRATION.fullmatch(name) is None:
            raise ValueError(f"calibration: {name!r}")
    if texts:
        directory.mkdir(exist_ok=True)
        resolve_inside(directory, root)
    for name, text in texts.items():
        write_atomically(directory / name, text)


def interrupted(root: Path, version: str = "*") -> list[Path]:
    """What pushes that did not come to their end have left."""
    return sorted(path for path in root.glob(f"{PREFIX}{version}-*") if path.is_dir())


def remove_interrupted(root: Path, version: str = "*", *, keep: Path | None = None) -> None:
    """All but `keep` and those that are under way."""
    for directory in interrupted(root, version):
        if directory == keep:
            continue
        lock = root / f"{directory.name}{_LOCK}"
        with suppress(Refused), lock.open("w") as file:
            _lock(file.fileno())
            shutil.rmtree(directory)
            lock.unlink(missing_ok=True)


def free_bytes(root: Path) -> int | None:
    """What may still be written; `None` where the volume does not say."""
    found = os.statvfs(root)
    return found.f_bavail * found.f_frsize if found.f_blocks else None


def _lock(descriptor: int) -> None:
    """Held until the file is closed; not at all on a volume that knows no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Refused("busy") from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
