"""Where and of what a measurement was made."""

from __future__ import annotations

import datetime
import hashlib
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from longshore import __version__
from longshore.cpu.model import cpu_model
from longshore.repository.layout import CALIBRATION_DIRECTORY
from longshore_k8s.capacity.noise import BUSY_CORES

FRAMEWORKS = ("onnxruntime", "onnxruntime-gpu", "torch")
CHUNK_BYTES = 2**20


def provenance(directory: Path, cpus: float, seed: int) -> dict[str, Any]:
    """Of a model on this machine."""
    return {
        "model": str(directory.name),
        "sha256": digest(directory),
        "node": platform.node(),
        "cpu": cpu_model(),
        "cpus": cpus,
        "versions": versions(),
        "seed": seed,
        "measured": now(),
    }


def versions() -> str:
    """Of this installation."""
    found = (("longshore", __version__), *_framework_versions())
    return ", ".join(f"{name} {version}" for name, version in found)


def now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def noise(steps: Sequence[dict[str, Any]], *, is_allowed: bool) -> str:
    """What was made of others on the CPUs of pod and client, and the worst of it in a step."""
    others = max((float(step.get("others_cpus") or 0.0) for step in steps), default=0.0)
    lag = max((float(step.get("send_lag_p99_seconds") or 0.0) for step in steps), default=0.0)
    how = "allowed (--noisy)" if is_allowed else f"refused above {BUSY_CORES:g} CPUs"
    return (
        f"{how}; others had up to {others:.2f} CPUs of the pod's, and the client sent up to "
        f"{1000 * lag:.3g} ms late (p99)"
    )


def digest(path: Path) -> str:
    """SHA-256 over names and contents of every file that is no record of a calibration."""
    found = hashlib.sha256()
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    for file in files:
        if file.parent.name == CALIBRATION_DIRECTORY:
            continue
        found.update(str(file.relative_to(path)).encode())
        with file.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                found.update(chunk)
    return found.hexdigest()


def size(path: Path) -> int:
    """Bytes of its files."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def _framework_versions() -> list[tuple[str, str]]:
    found = []
    for name in FRAMEWORKS:
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return found
