"""Where and of what a measurement was made."""

from __future__ import annotations

import datetime
import hashlib
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from longshore import __version__
from longshore.cpu.model import cpu_model

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
        "versions": ", ".join(
            f"{name} {version}"
            for name, version in (("longshore", __version__), *_framework_versions())
        ),
        "seed": seed,
        "measured": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def digest(path: Path) -> str:
    """SHA-256 over names and contents of every file that is no record of a calibration."""
    found = hashlib.sha256()
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    for file in files:
        if file.parent.name == "calibration":
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
