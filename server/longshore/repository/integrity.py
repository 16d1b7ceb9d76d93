"""That what is loaded is what was published.

Without a manifest there is nothing to compare with; the file that is loaded is then only held fast,
so that what was looked at and what is loaded are one and the same.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from longshore.errors import ModelLoadError
from longshore.repository.artifact import FORMATS, Artifact, ArtifactFormat
from longshore.repository.manifest import (
    FILE_NAME,
    TEMPORARY_PREFIX,
    ListedFile,
    Manifest,
    is_manifest_file,
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

_Identity: TypeAlias = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class VerifiedArtifact:
    """An artifact whose bytes were compared with its manifest, while it is being loaded."""

    artifact: Artifact
    path: Path
    """Load this one. It is `/proc/self/fd/N`, without a suffix, unless the artifact needs the files
    beside it (ONNX with external data).
    """

    def open(self) -> BinaryIO:
        """The same bytes from their beginning, for loaders that judge a path by its suffix."""
        return self.path.open("rb")


def verify(artifact: Artifact) -> None:
    """Compare every byte with the manifest, if there is one and it is not ignored.

    Raises:
        ModelLoadError: as `open_verified`.
    """
    with open_verified(artifact):
        pass


@contextmanager
def open_verified(artifact: Artifact) -> Iterator[VerifiedArtifact]:
    """Load the artifact within this context; leaving it checks that no file changed meanwhile
    (inode, size, times of modification and change). A file that is replaced meanwhile is noticed
    too, although what was loaded through its descriptor is what was verified.

    Raises:
        ModelLoadError: no manifest where one is required; a file that is missing, not listed, of
            another size or digest, not regular, or outside the directory; or one that changed
            between entering and leaving.
    """
    with ExitStack() as stack:
        with _errors_of(artifact):
            manifest = _manifest_of(artifact)
            identities = _compare_all(artifact, manifest)
            inside = artifact.path.parent if manifest is None else artifact.directory
            descriptor = stack.enter_context(open_regular(artifact.path, inside=inside))
            opened = _identity(os.fstat(descriptor))
            if identities.pop(artifact.path, opened) != opened:
                raise ModelLoadError(f"{artifact.path}: changed after it was verified")
        path = descriptor_path(descriptor)
        if _needs_neighbours(artifact):
            path = artifact.path
            identities[path] = opened
        yield VerifiedArtifact(artifact, path)
        with _errors_of(artifact):
            _check_same(artifact.path, opened, os.fstat(descriptor))
            for file, identity in identities.items():
                _check_same(file, identity, os.stat(file))


def artifact_digest(artifact: Artifact) -> str:
    """SHA-256 (hexadecimal) over names and contents of the version's files. The digests of a
    manifest are taken as they are: verify first.

    Raises:
        ModelLoadError: a file cannot be read.
    """
    with _errors_of(artifact):
        manifest = _manifest_of(artifact)
        if manifest is None:
            names = artifact.files or (artifact.path.name,)
            manifest = Manifest({name: _listed(artifact, name) for name in names})
    return hashlib.sha256(manifest.to_json().encode()).hexdigest()


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
        _write_atomically(root, Manifest({name: _hash_own(root, name) for name in names}))
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


def _write_atomically(directory: Path, manifest: Manifest) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=directory)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(manifest.to_json())
            file.flush()
            os.fchmod(descriptor, 0o644)  # the server runs as another user than who publishes
            os.fsync(descriptor)
        os.replace(temporary, directory / FILE_NAME)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    directory_descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory_descriptor)
    finally:
        os.close(directory_descriptor)


def _hash_own(directory: Path, name: str) -> ListedFile:
    """A link is refused even when it stays inside: copied elsewhere, it would not."""
    if (directory / name) != (directory / name).resolve():
        raise IrregularFile(f"{name} is a symbolic link, not a regular file")
    return _hash(directory / name, inside=directory)


def _manifest_of(artifact: Artifact) -> Manifest | None:
    if artifact.manifest == "ignored":
        return None
    manifest = read_manifest(artifact.directory, inside=artifact.directory)
    if manifest is None and artifact.manifest == "required":
        raise ModelLoadError(f"{artifact.directory}: has no {FILE_NAME}, which is required")
    return manifest


def _compare_all(artifact: Artifact, manifest: Manifest | None) -> dict[Path, _Identity]:
    """What every file is now, once it was found to be what the manifest says."""
    directory = artifact.directory
    if manifest is None:
        files = [directory / name for name in artifact.files]
        return {file: _identity(os.stat(file)) for file in files if file != artifact.path}
    found = list_version_files(
        directory,
        root=directory,
        recursive=True,
        only={*artifact.files, *manifest.files} if artifact.is_lone else None,
    )
    manifest.check_sizes(found.sizes)
    return {
        directory / name: _compare(directory, name, listed)
        for name, listed in manifest.files.items()
    }


def _compare(directory: Path, name: str, listed: ListedFile) -> _Identity:
    with open_regular(directory / name, inside=directory) as descriptor:
        before = _identity(os.fstat(descriptor))
        found = _hash_open(descriptor)
    if found != listed:
        raise ModelLoadError(
            f"{directory / name}: SHA-256 {found.sha256} of {found.size} bytes, "
            f"{FILE_NAME} says {listed.sha256} of {listed.size}"
        )
    return before


def _listed(artifact: Artifact, name: str) -> ListedFile:
    path = artifact.directory / name
    return _hash(path, inside=path.resolve().parent)


def _hash(path: Path, *, inside: Path) -> ListedFile:
    with open_regular(path, inside=inside) as descriptor:
        return _hash_open(descriptor)


def _hash_open(descriptor: int) -> ListedFile:
    with descriptor_path(descriptor).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return ListedFile(digest, file.tell())


def _needs_neighbours(artifact: Artifact) -> bool:
    """Whether onnxruntime may look for external data, which it does from the path of the model."""
    others = {*artifact.files} - {artifact.path.name, _MODEL_CONFIG}
    return artifact.format is ArtifactFormat.ONNX and bool(others)


def _identity(status: os.stat_result) -> _Identity:
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _check_same(path: Path, before: _Identity, now: os.stat_result) -> None:
    if _identity(now) != before:
        raise ModelLoadError(f"{path}: changed while it was loaded")


@contextmanager
def _errors_of(artifact: Artifact) -> Iterator[None]:
    try:
        yield
    except IrregularFile as error:
        raise ModelLoadError(f"{artifact.directory}: {error}") from error
    except OSError as error:
        raise ModelLoadError(f"{error.filename or artifact.path}: {error.strerror}") from error
