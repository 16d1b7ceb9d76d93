"""Calibrations of earlier starts, by what they depend on, so that a restart skips the measuring."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from longshore import __version__
from longshore.batching.cost import CostLine
from longshore.execution.plan import ExecutionPlan
from longshore.repository.integrity import artifact_digest
from longshore.repository.layout import Artifact

logger = logging.getLogger(__name__)


def key(artifact: Artifact, *facts: object) -> str:
    """Name of the cache entry: digest of the artifact, and of everything else that matters."""
    parts = [__version__, artifact_digest(artifact), *map(repr, facts)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def read(directory: Path, name: str) -> ExecutionPlan | None:
    """The plan that an earlier start wrote; `None` when there is none or it cannot be read."""
    try:
        content = json.loads((directory / f"{name}.json").read_text(encoding="utf-8"))
        points = tuple((int(rows), float(seconds)) for rows, seconds in content["cost"]["points"])
        content["cost"] = CostLine(points)
        content["notes"] = tuple(content["notes"])
        return replace(ExecutionPlan(**content), source="cached")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        logger.warning("calibration cache ignored: directory=%s error=%s", directory, error)
        return None


def write(directory: Path, name: str, plan: ExecutionPlan) -> None:
    """Keep `plan`; a full disk or a read-only volume costs the cache, never the start."""
    if plan.cost is None:
        return
    path = directory / f"{name}.json"
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(asdict(plan)), encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        logger.warning("calibration not cached: directory=%s error=%s", directory, error)
        with suppress(OSError):
            draft.unlink()
