"""That what is loaded is what was published, and what is remembered is of what was loaded.

A version is opened once for a load: every byte is read once, compared with the manifest if there is
one, and the load ends with a look whether anything changed since. Without a manifest there is
nothing to compare with; the files are then only held fast.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Self, TypeAlias

from msgspec import Struct

from longshore.errors import ArtifactChanged, ModelConfigError, ModelLoadError
from longshore.progress import Progress
from longshore.repository.artifact import FORMATS, SAMPLES_FILE, Artifact, ArtifactFormat
from longshore.repository.atomic_file import write_atomically
from longshore.repository.manifest import (
    FILE_NAME,
    ListedFile,
    Manifest,
    is_manifest_file,
    parse_manifest,
    read_manifest,
)
from longshore.repository.regular_file import (
    IrregularFile,
    descriptor_path,
    open_regular,
)
from longshore.repository.version_files import list_version_files
from longshore.repository.version_policy import is_version

_MODEL_CONFIG = "config.yaml"
_READ_BYTES = 1024 * 1024

_Identity: TypeAlias = tuple[int, int, int, int, int]
_SIZE = 2


class Seen(Struct, frozen=True):
    """What another process found the files of a version to be."""

    identities: dict[Path, _Identity]
    manifest: Manifest | None
    """The digests, where somebody asked for them."""

    def to_content(self) -> dict[str, Any]:
        """As JSON has it."""
        files = None if self.manifest is None else self.manifest.to_json()
        return {
            "identities": {str(file): identity for file, identity in self.identities.items()},
            "manifest": files,
        }

    @classmethod
    def of_content(cls, content: Any) -> Self:
        """Raises ValueError when it is none."""
        if not isinstance(content, dict) or content.keys() != {"identities", "manifest"}:
            raise ValueError("seen: not an object with the keys identities, manifest")
        found, manifest = content["identities"], content["manifest"]
        if not isinstance(found, dict) or not all(map(_is_identity, found.values())):
            raise ValueError("seen: not identities of files")
        if not isinstance(manifest, str | None):
            raise ValueError("seen: the manifest is no text")
        try:
            digests = None if manifest is None else parse_manifest(manifest.encode(), file="seen")
        except ModelLoadError as error:
            raise ValueError(str(error)) from error
        return cls({Path(file): tuple(row) for file, row in found.items()}, digests)

    def check(self) -> None:
        """Raises `ArtifactChanged` when a file is another one by now."""
        for file, identity in self.identities.items():
            _check_same(file, identity, _status_now(file))


class VerifiedArtifact(Struct):
    """An artifact whose bytes were compared with its manifest, while it is being loaded."""

    artifact: Artifact
    path: Path
    """Load this one. It is `/proc/self/fd/N`, without a suffix, unless the artifact needs the files
    beside it (ONNX with external data).
    """
    progress: Progress
    """Where whoever loads it says what is being done."""
    _manifest: Manifest | None
    _identities: dict[Path, _Identity]
    external_data: tuple[str, ...] | None = None
    """Other files that the artifact names; `None` before it was examined."""

    def open(self) -> BinaryIO:
        """The same bytes from their beginning, for loaders that judge a path by its suffix."""
        return self.path.open("rb")

    @property
    def seen(self) -> Seen:
        return Seen(self._identities, self._manifest)

    def digest(self) -> str:
        """SHA-256 (hexadecimal) over names and contents of the version's files; those that were
        compared with the manifest are not read again.

        Raises:
            ModelLoadError: a file cannot be read, or is another one by now.
        """
        if self._manifest is None:
            with _errors_of(self.artifact):
                self._manifest = self._hash_all()
        return self._manifest.digest

    def _hash_all(self) -> Manifest:
        artifact = self.artifact
        names = artifact.files or (artifact.path.name,)
        paths = {name: artifact.directory / name for name in names}
        total = sum(self._identities[path][_SIZE] for path in paths.values())
        self.progress.begin(f"hashing {_describe(names)}", total_bytes=total)
        return Manifest({name: self._hash(path) for name, path in paths.items()})

    def _hash(self, path: Path) -> ListedFile:
        with open_regular(path, inside=path.resolve().parent) as descriptor:
            _check_same(path, self._identities[path], os.fstat(descriptor))
            return _hash_open(descriptor, self.progress)


def verify(artifact: Artifact) -> None:
    """Compare every byte with the manifest, if there is one and it is not ignored.

    Raises:
        ModelLoadError: as `open_verified`.
    """
    with open_verified(artifact):
        pass


@contextmanager
def open_verified(
    artifact: Artifact, progress: Progress | None = None, seen: Seen | None = None
) -> Iterator[VerifiedArtifact]:
    """Load the artifact within this context; leaving it checks that no file changed meanwhile
    (inode, size, times of modification and change). A file that is replaced meanwhile is noticed
    too, although what was loaded through its descriptor is what was verified. Files that were
    `seen`, and are the same, are not read again.

    Raises:
        ModelLoadError: no manifest where one is required; a file that is missing, not listed, of
            another size or digest, not regular, or outside the directory.
        ArtifactChanged: one that changed between entering and leaving.
    """
    progress = progress or Progress()
    with ExitStack() as stack:
        with _errors_of(artifact):
            manifest = _manifest_of(artifact)
            if seen is None:
                identities = _compare_all(artifact, manifest, progress)
            else:
                seen.check()
                identities = dict(seen.identities)
            inside = artifact.path.parent if manifest is None else artifact.directory
            descriptor = stack.enter_context(open_regular(artifact.path, inside=inside))
            identities.setdefault(artifact.path, _identity(os.fstat(descriptor)))
            _check_same(artifact.path, identities[artifact.path], os.fstat(descriptor))
        path = artifact.path if _needs_neighbours(artifact) else descriptor_path(descriptor)

        def check_unchanged() -> None:
            with _errors_of(artifact):
                _check_same(artifact.path, identities[artifact.path], os.fstat(descriptor))
                for file, identity in identities.items():
                    _check_same(file, identity, _status_now(file))

        try:
            digests = seen.manifest if seen is not None and manifest is None else manifest
            yield VerifiedArtifact(artifact, path, progress, digests, identities)
        except (ModelLoadError, ModelConfigError):
            check_unchanged()  # a file that is half of one and half of another is no broken one
            raise
        check_unchanged()


def write_manifest(directory: Path) -> Path:
    """Write `manifest.json` of a version directory, or of the directory of a lone file, whose
    subdirectories are left out. It appears in one step and complete, or not at all.

    Raises:
        ModelLoadError: no artifact in it, a link or another thing that is not a regular file, or a
            failure to read or write.
    """
    try:
        root = directory.resolve(strict=True)
        if not any(entry.suffix in _SUFFIXES for entry in root.iterdir()):
            raise ModelLoadError(f"{directory}: holds none of {', '.join(FORMATS)}")
        only = None if is_version(directory.name) else _files_right_in(root)
        names = list_version_files(root, root=root, recursive=True, only=only).sizes
        manifest = Manifest({name: hash_file(root, name, Progress()) for name in names})
        write_atomically(root / FILE_NAME, manifest.to_json())
    except IrregularFile as error:
        raise ModelLoadError(f"{directory}: {error}") from error
    except OSError as error:
        raise ModelLoadError(f"{error.filename or directory}: {error.strerror}") from error
    return directory / FILE_NAME


_SUFFIXES = frozenset(Path(name).suffix for name in FORMATS)


def _files_right_in(directory: Path) -> set[str]:
    return {
        entry.name
        for entry in directory.iterdir()
        if not entry.is_dir() and not is_manifest_file(entry.name)
    }


def hash_file(directory: Path, name: str, progress: Progress) -> ListedFile:
    """What a manifest says of a file. A link is refused even when it stays inside: copied
    elsewhere, it would not.

    Raises:
        IrregularFile: not a regular file, or a link.
        OSError: it cannot be read.
    """
    if (directory / name) != (directory / name).resolve():
        raise IrregularFile(f"{name} is a symbolic link, not a regular file")
    with open_regular(directory / name, inside=directory) as descriptor:
        return _hash_open(descriptor, progress)


def _manifest_of(artifact: Artifact) -> Manifest | None:
    if artifact.manifest == "ignored":
        return None
    manifest = read_manifest(artifact.directory, inside=artifact.directory)
    if manifest is None and artifact.manifest == "required":
        raise ModelLoadError(f"{artifact.directory}: has no {FILE_NAME}, which is required")
    return manifest


def _compare_all(
    artifact: Artifact, manifest: Manifest | None, progress: Progress
) -> dict[Path, _Identity]:
    """What every file is now, once it was found to be what the manifest says."""
    directory = artifact.directory
    if manifest is None:
        files = [directory / name for name in artifact.files or (artifact.path.name,)]
        return {file: _identity(os.stat(file)) for file in files}
    found = list_version_files(
        directory,
        root=directory,
        recursive=True,
        only={*artifact.files, *manifest.files} if artifact.is_lone else None,
    )
    manifest.check_sizes(found.sizes)
    progress.begin(f"hashing {_describe(manifest.files)}", total_bytes=sum(found.sizes.values()))
    return {
        directory / name: _compare(directory, name, listed, progress)
        for name, listed in manifest.files.items()
    }


def _compare(directory: Path, name: str, listed: ListedFile, progress: Progress) -> _Identity:
    with open_regular(directory / name, inside=directory) as descriptor:
        before = _identity(os.fstat(descriptor))
        found = _hash_open(descriptor, progress)
    if found != listed:
        raise ModelLoadError(
            f"{directory / name}: SHA-256 {found.sha256} of {found.size} bytes, "
            f"{FILE_NAME} says {listed.sha256} of {listed.size}"
        )
    return before


def _describe(names: Collection[str]) -> str:
    return next(iter(names)) if len(names) == 1 else f"{len(names)} files"


def _hash_open(descriptor: int, progress: Progress) -> ListedFile:
    digest, size = hashlib.sha256(), 0
    buffer = memoryview(bytearray(_READ_BYTES))
    with descriptor_path(descriptor).open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
            size += count
            progress.advance(count)
    return ListedFile(digest.hexdigest(), size)


def _needs_neighbours(artifact: Artifact) -> bool:
    """Whether onnxruntime may look for external data, which it does from the path of the model."""
    others = {*artifact.files} - {artifact.path.name, _MODEL_CONFIG, SAMPLES_FILE}
    return artifact.format is ArtifactFormat.ONNX and bool(others)


def _identity(status: os.stat_result) -> _Identity:
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _is_identity(row: object) -> bool:
    return (
        isinstance(row, list)
        and len(row) == 5
        and all(isinstance(number, int) and not isinstance(number, bool) for number in row)
    )


def _check_same(path: Path, before: _Identity, now: os.stat_result) -> None:
    if _identity(now) != before:
        raise ArtifactChanged(f"{path}: changed while it was loaded")


def _status_now(path: Path) -> os.stat_result:
    try:
        return os.stat(path)
    except FileNotFoundError:
        raise ArtifactChanged(f"{path}: removed while it was loaded") from None


@contextmanager
def _errors_of(artifact: Artifact) -> Iterator[None]:
    try:
        yield
    except IrregularFile as error:
        raise ModelLoadError(f"{artifact.directory}: {error}") from error
    except OSError as error:
        raise ModelLoadError(f"{error.filename or artifact.path}: {error.strerror}") from error
