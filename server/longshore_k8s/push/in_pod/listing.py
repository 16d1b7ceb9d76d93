"""What lies in a directory of models: versions, and pushes that did not come to their end."""

from __future__ import annotations

from pathlib import Path

from longshore.errors import ModelLoadError
from longshore.progress import Progress
from longshore.repository.integrity import hash_file
from longshore.repository.layout import CONFIG_FILE
from longshore.repository.manifest import FILE_NAME, Manifest, read_manifest
from longshore.repository.regular_file import IrregularFile
from longshore.repository.version_files import list_version_files
from longshore.repository.version_policy import is_almost_version, is_version
from longshore.repository.version_reader import content_directory, only_candidate
from longshore_k8s.push.in_pod.lines import Json
from longshore_k8s.push.in_pod.staging import PREFIX, free_bytes, interrupted


def listing(root: Path, *, verifies: bool, progress: Progress) -> Json:
    """Of `root`; with `verifies` every file of a version with a manifest is read.

    Raises:
        OSError: it cannot be read.
    """
    names = [path.name for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    versions = sorted((name for name in names if is_version(name)), key=int)
    return {
        "is_there": root.is_dir(),
        "versions": [_version(root, name, verifies, progress) for name in versions],
        "lone": _lone(root) if not versions else None,
        "odd": sorted(filter(is_almost_version, names)),
        "interrupted": [_interrupted(path) for path in interrupted(root)],
        "config": (root / CONFIG_FILE).is_file(),
        "free": free_bytes(root) if root.is_dir() else None,
    }


def _version(root: Path, name: str, verifies: bool, progress: Progress) -> Json:
    row: Json = {"version": name, "artifact": None, "files": 0, "bytes": 0, "manifest": None}
    try:
        directory = content_directory(root / name, root.resolve())
        sizes = list_version_files(directory, root=root.resolve(), recursive=True).sizes
        row |= {"files": len(sizes), "bytes": sum(sizes.values())}
        manifest = read_manifest(directory, inside=root.resolve())
        if manifest is not None:
            row["manifest"] = manifest.digest[:12]
            manifest.check_sizes(sizes)
        row["artifact"] = only_candidate(directory, None)
        row["state"] = _compared(directory, manifest, progress) if verifies else "complete"
        if manifest is None:
            row["state"] = f"no {FILE_NAME}"
    except (IrregularFile, ModelLoadError) as error:
        row["state"] = str(error)
    except OSError as error:
        row["state"] = f"{error.filename or name}: {error.strerror}"
    return row


def _compared(directory: Path, manifest: Manifest | None, progress: Progress) -> str:
    for name, listed in ({} if manifest is None else manifest.files).items():
        if hash_file(directory, name, progress) != listed:
            return f"{name}: another SHA-256 than {FILE_NAME} says"
    return "verified"


def _lone(root: Path) -> str | None:
    """The artifact that lies right in the directory, and is served as version 1."""
    try:
        return only_candidate(root, None)
    except (ModelLoadError, OSError):
        return None


def _interrupted(directory: Path) -> Json:
    sizes = [path.stat().st_size for path in directory.rglob("*") if path.is_file()]
    version = directory.name.removeprefix(PREFIX).partition("-")[0]
    return {"version": version, "bytes": sum(sizes), "name": directory.name}
