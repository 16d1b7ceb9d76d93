"""From a version directory to an `Artifact`, or to the reason why it is none."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from longshore.errors import ModelLoadError
from longshore.repository.artifact import FORMATS, Artifact, ArtifactFormat
from longshore.repository.manifest import FILE_NAME, Manifest, ManifestPolicy, read_manifest
from longshore.repository.overfull import Overfull
from longshore.repository.regular_file import IrregularFile, regular_status, resolve_inside
from longshore.repository.turns import Turns
from longshore.repository.version_files import (
    Stillness,
    VersionFiles,
    list_version_files,
    manifest_fingerprint,
)

_KUBERNETES_LINK = "..data"
"""ConfigMap and projected volumes keep their files behind this link and swap it in one step."""


class StillChanging(Exception):
    """What was found is wrong or incomplete, and was written to a moment ago."""


class VersionReader:
    def __init__(
        self,
        *,
        manifest: ManifestPolicy,
        max_artifact_bytes: int,
        stillness: Stillness,
        turns: Turns,
    ) -> None:
        self._manifest: ManifestPolicy = manifest
        self._max_artifact_bytes = max_artifact_bytes
        self._stillness = stillness
        self._turns = turns
        self._overfull = Overfull()

    def read_directory(
        self, path: Path, *, version: str, model_name: str, root: Path, backend: str | None
    ) -> Artifact:
        """The version in the directory `path`; `root` (resolved) is what it may not lead out of. A
        lone file has the root itself for its directory.

        Raises:
            StillChanging, IrregularFile, ModelLoadError, OSError: it cannot be served (now).
        """
        directory = content_directory(path, root)
        is_lone = path.resolve() == root
        manifest = self._read_manifest(directory, root)
        files = list_version_files(
            directory,
            root=root,
            recursive=not is_lone,
            turns=self._turns,
            overfull=self._overfull,
        )
        is_still = self._stillness.is_still(version, files)
        try:
            name = only_candidate(directory, backend)
            artifact_path = resolve_inside(directory / name, root)
            regular_status(artifact_path)
            self._check(files, manifest, is_still=is_still)
        except (IrregularFile, ModelLoadError) as error:
            if is_still:
                raise
            raise StillChanging(f"{error} (changed a moment ago)") from error
        return self._artifact(
            artifact_path,
            FORMATS[name],
            directory,
            files,
            version=version,
            model_name=model_name,
            is_lone=is_lone,
        )

    def read_file(self, path: Path, *, model_name: str) -> Artifact:
        """A lone artifact file, whatever its stem; what else lies beside it matters only when a
        manifest lists it.

        Raises:
            StillChanging, IrregularFile, ModelLoadError, OSError: it cannot be served (now).
        """
        resolved = path.resolve(strict=True)
        artifact_format = FORMATS.get(f"model{path.suffix}")
        if artifact_format is None:
            allowed = ", ".join(name.removeprefix("model") for name in FORMATS)
            raise ModelLoadError(f"unknown kind of file {path.suffix!r}, allowed: {allowed}")
        directory = resolved.parent
        manifest = self._read_manifest(directory, directory)
        listed = () if manifest is None else tuple(manifest.files)
        files = list_version_files(
            directory,
            root=directory,
            recursive=True,
            only={resolved.name, *listed},
            turns=self._turns,
        )
        self._check(files, manifest, is_still=self._stillness.is_still("1", files))
        return self._artifact(
            resolved,
            artifact_format,
            directory,
            files,
            version="1",
            model_name=model_name,
            is_lone=True,
        )

    def _artifact(
        self,
        path: Path,
        artifact_format: ArtifactFormat,
        directory: Path,
        files: VersionFiles,
        *,
        version: str,
        model_name: str,
        is_lone: bool,
    ) -> Artifact:
        return Artifact(
            model_name=model_name,
            version=version,
            directory=directory,
            path=path,
            format=artifact_format,
            files=tuple(files.sizes),
            is_lone=is_lone,
            manifest=self._manifest,
            fingerprint=files.fingerprint,
            manifest_fingerprint=self._manifest_fingerprint(directory),
        )

    def _read_manifest(self, directory: Path, root: Path) -> Manifest | None:
        if self._manifest == "ignored":
            return None
        return read_manifest(directory, inside=root)

    def _manifest_fingerprint(self, directory: Path) -> str:
        return "" if self._manifest == "ignored" else manifest_fingerprint(directory)

    def _check(self, files: VersionFiles, manifest: Manifest | None, *, is_still: bool) -> None:
        self._check_size(files)
        if manifest is not None:
            manifest.check_sizes(files.sizes)
        elif not is_still:
            raise StillChanging("changed a moment ago")
        elif self._manifest == "required":
            raise ModelLoadError(f"has no {FILE_NAME}, which is required")

    def _check_size(self, files: VersionFiles) -> None:
        total = sum(files.sizes.values())
        if total > self._max_artifact_bytes:
            largest = max(files.sizes, key=lambda name: files.sizes[name])
            raise ModelLoadError(
                f"{total} bytes in {len(files.sizes)} files (largest {largest}, "
                f"{files.sizes[largest]}), allowed: {self._max_artifact_bytes}"
            )


def content_directory(path: Path, root: Path) -> Path:
    """Where the files of a version directory are, resolved.

    Raises:
        IrregularFile: not a directory inside `root`.
    """
    directory = resolve_inside(path, root)
    if (directory / _KUBERNETES_LINK).is_symlink():
        directory = resolve_inside(directory / _KUBERNETES_LINK, root)
    if not directory.is_dir():
        raise IrregularFile(f"{path.name} is not a directory")
    return directory


def only_candidate(directory: Path, backend: str | None) -> str:
    """The name of the one artifact in `directory` that `backend` (any, if `None`) loads.

    Raises:
        ModelLoadError: none, or several.
    """
    allowed = [name for name, kind in FORMATS.items() if backend in (None, kind.backend)]
    found = present(directory, allowed)
    if not found:
        reason = f" for backend {backend}" if backend else ""
        raise ModelLoadError(f"holds no artifact{reason}, looked for {', '.join(allowed)}")
    if len(found) > 1:
        raise ModelLoadError(
            f"holds {' and '.join(found)}, allowed: one of them (`backend` in config.yaml may tell)"
        )
    return found[0]


def present(directory: Path, names: Collection[str]) -> list[str]:
    """Those of `names` that are in `directory`, whatever they are, and however much else is."""
    return [name for name in names if os.path.lexists(directory / name)]
