"""The end of a push that runs in the pod: takes a version in, compares it, and publishes it."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from longshore import __version__
from longshore.errors import ModelLoadError
from longshore.repository.manifest import Manifest, parse_manifest
from longshore.repository.version_policy import is_version
from longshore_k8s.push.in_pod.lines import PROTOCOL, Input, InputEnded, Json
from longshore_k8s.push.in_pod.staging import (
    Refused,
    Staging,
    free_bytes,
    put_calibrations,
    put_config,
    remove_interrupted,
)
from longshore_k8s.push.in_pod.told import Tell, Told

_FULL = {errno.ENOSPC, errno.EDQUOT}
_DENIED = {errno.EACCES, errno.EPERM}


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be published where."""

    root: Path
    version: str
    manifest: Manifest
    config: str | None
    replaces_config: bool
    is_fresh: bool

    @classmethod
    def of(cls, document: Json, mount: Path) -> Self:
        """Raises:
        ValueError, KeyError, ModelLoadError: it is none, or leads out of `mount`.
        """
        root, version = (mount / document["path"]).resolve(), str(document["version"])
        if not root.is_relative_to(mount.resolve()):
            raise ValueError(f"path: {document['path']!r} leads out of the volume")
        if not is_version(version):
            raise ValueError(f"version: {version!r}")
        manifest = parse_manifest(document["manifest"].encode(), file="manifest")
        return cls(
            root, version, manifest, document["config"],
            bool(document["replaces_config"]), bool(document["is_fresh"]),
        )  # fmt: skip


def receive(source: Input, tell: Tell, mount: Path) -> int:
    """Exit code: 0 once the version is published."""
    tell({"protocol": PROTOCOL, "longshore": __version__})
    try:
        request = Request.of(source.line(), mount)
        staging = Staging(request.root, request.version, request.manifest)
        with staging.locked():
            _take_in(request, staging, source, Told(tell), tell)
    except Refused as error:
        tell({"failed": error.code, **error.facts})
    except (ValueError, KeyError, ModelLoadError) as error:
        tell({"failed": "request", "reason": str(error)})
    except OSError as error:
        tell({"failed": _code(error), "reason": str(error), "free": _free(mount)})
    except InputEnded:
        pass
    else:
        tell({"published": request.version})
        return 0
    return 1


def _take_in(request: Request, staging: Staging, source: Input, progress: Told, tell: Tell) -> None:
    staging.check_absent()
    put_config(request.root, request.config, replaces=request.replaces_config, is_trial=True)
    if request.is_fresh:
        remove_interrupted(request.root, keep=staging.directory)
    there = staging.begin()
    needed = sum(f.size for f in request.manifest.files.values()) - sum(there.values())
    free = free_bytes(request.root)
    if free is not None and needed > free:
        raise Refused("space", needed=needed, free=free)
    tell({"there": there})
    progress.count("received", sum(there.values()))
    calibrations: dict[str, str] = {}
    while "end" not in (line := source.line()):
        if "calibration" in line:
            calibrations[str(line["calibration"])] = str(line["text"])
            continue
        name, offset = str(line["file"]), int(line["offset"])
        size = request.manifest.files[name].size - offset
        for count in staging.write(name, offset, source.chunks(size)):
            progress.advance(count)
    progress.say()
    progress.count("verified", 0)
    staging.verify(progress)
    progress.say()
    put_config(request.root, request.config, replaces=request.replaces_config, is_trial=False)
    put_calibrations(request.root, calibrations)
    staging.publish()


def _code(error: OSError) -> str:
    if error.errno in _FULL:
        return "space"
    if error.errno == errno.EROFS:
        return "readonly"
    return "denied" if error.errno in _DENIED else "filesystem"


def _free(mount: Path) -> int | None:
    try:
        return free_bytes(mount)
    except OSError:
        return None
