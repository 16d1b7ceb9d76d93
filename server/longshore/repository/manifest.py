"""`manifest.json` of a version: SHA-256 and size of every file, written last.

{"version": 1, "files": {"model.onnx": {"sha256": "<64 hex digits>", "size": 25678}}}
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from longshore.errors import ModelLoadError
from longshore.repository.bounded_json import load_json
from longshore.repository.regular_file import IrregularFile, read_bounded

FILE_NAME = "manifest.json"
TEMPORARY_PREFIX = f".{FILE_NAME}."
MAX_BYTES = 4 * 1024 * 1024
MAX_FILES = 10_000
_MAX_VALUES = 8 * MAX_FILES
"""Two for each file; names may have commas."""

ManifestPolicy: TypeAlias = Literal["optional", "required", "ignored"]

_SHA256 = re.compile(r"[0-9a-f]{64}")


class ListedFile(Struct, frozen=True):
    """What a file has to be."""

    sha256: str
    """64 lower-case hexadecimal digits."""
    size: int
    """Bytes."""


class Manifest(Struct, frozen=True):
    """Files by their path relative to the version directory, with `/` between its parts."""

    files: dict[str, ListedFile]

    def check_sizes(self, sizes: Mapping[str, int]) -> None:
        """Compare with the files that are there, by name and bytes.

        Raises:
            ModelLoadError: one is missing, not listed or of another size; names it.
        """
        for name, listed in self.files.items():
            if name not in sizes:
                raise ModelLoadError(f"{name}: listed in {FILE_NAME} and not there")
            if sizes[name] != listed.size:
                raise ModelLoadError(f"{name}: {sizes[name]} bytes, {FILE_NAME} says {listed.size}")
        for name in sizes:
            if name not in self.files:
                raise ModelLoadError(f"{name}: not listed in {FILE_NAME}")

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) over names and contents of the files."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        files = {
            name: {"sha256": file.sha256, "size": file.size}
            for name, file in sorted(self.files.items())
        }
        return json.dumps({"version": 1, "files": files}, indent=1) + "\n"


def is_manifest_file(name: str) -> bool:
    """Whether `name` is the manifest itself or one that is being written."""
    return name == FILE_NAME or name.startswith(TEMPORARY_PREFIX)


def read_manifest(directory: Path, *, inside: Path) -> Manifest | None:
    """The manifest of a version directory, `None` where there is none.

    Raises:
        ModelLoadError: it is not readable, not a regular file in `inside`, or not a manifest.
    """
    path = directory / FILE_NAME
    try:
        path.lstat()
    except FileNotFoundError:
        return None
    return parse_manifest(_content(path, inside=inside), file=str(path))


def manifest_digest(directory: Path, *, inside: Path) -> str:
    """SHA-256 of the manifest as it lies there, in hexadecimal, as `sha256sum` prints it.

    Raises:
        ModelLoadError: there is none, or it is not a regular file in `inside`.
    """
    return hashlib.sha256(_content(directory / FILE_NAME, inside=inside)).hexdigest()


def _content(path: Path, *, inside: Path) -> bytes:
    try:
        return read_bounded(path, inside=inside, max_bytes=MAX_BYTES)
    except IrregularFile as error:
        raise ModelLoadError(f"{path}: {error}") from error
    except OSError as error:
        raise ModelLoadError(f"{path}: {error.strerror}") from error


def parse_manifest(content: bytes, *, file: str) -> Manifest:
    """Raises:
    ModelLoadError: `content` is no manifest; names `file`, the entry and what is wrong.
    """
    try:
        document = load_json(content, max_values=_MAX_VALUES, object_pairs_hook=_unique)
    except ValueError as error:
        raise ModelLoadError(f"{file}: not JSON: {error}") from error
    if not isinstance(document, dict) or set(document) != {"version", "files"}:
        raise ModelLoadError(f'{file}: must be an object with "version" and "files" and no more')
    files = document["files"]
    if not isinstance(files, dict):
        raise ModelLoadError(f'{file}: "files" must be an object')
    if document["version"] != 1 or isinstance(document["version"], bool):
        raise ModelLoadError(f'{file}: "version" must be 1')
    if not 1 <= len(files) <= MAX_FILES:
        raise ModelLoadError(f"{file}: lists {len(files)} files, allowed: 1 to {MAX_FILES}")
    return Manifest({name: _listed_file(name, entry, file) for name, entry in files.items()})


def _listed_file(name: str, entry: Any, file: str) -> ListedFile:
    _check_name(name, file)
    if not isinstance(entry, dict) or set(entry) != {"sha256", "size"}:
        raise ModelLoadError(f'{file}: {name}: must have "sha256" and "size" and no more')
    sha256, size = entry["sha256"], entry["size"]
    if not isinstance(sha256, str) or _SHA256.fullmatch(sha256) is None:
        raise ModelLoadError(f'{file}: {name}: "sha256" must be 64 lower-case hexadecimal digits')
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 2**63:
        raise ModelLoadError(f'{file}: {name}: "size" must be a number of bytes')
    return ListedFile(sha256, size)


def _check_name(name: str, file: str) -> None:
    """A listed path stays in the directory by its spelling alone; links are checked when opened."""
    parts = name.split("/")
    plain = name.isprintable() and "\\" not in name
    if not plain or any(part in ("", ".", "..") for part in parts):
        raise ModelLoadError(
            f"{file}: {name!r}: leads out of the version directory or is not a plain relative path"
        )
    if is_manifest_file(PurePosixPath(name).name):
        raise ModelLoadError(f"{file}: {name}: a manifest cannot list a manifest")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key is given twice")
    return document
