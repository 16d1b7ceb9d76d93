"""Records of earlier starts, by what they depend on: a restart tries and measures nothing."""

from __future__ import annotations

import hashlib
import logging
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from longshore import __version__
from longshore.backends.base import Device
from longshore.backends.registry import find_backend_class
from longshore.loading.load_options import LoadOptions
from longshore.loading.records.calibration_record import CalibrationRecord
from longshore.repository.integrity import VerifiedArtifact
from longshore.repository.model_config import ModelConfig, VersionPolicy

logger = logging.getLogger(__name__)


class CalibrationCache:
    """Where the record for one artifact is, run as `options` and `config` say on `device`: the one
    that was asked for. Keeps nothing where the options name no directory.

    Raises:
        ModelLoadError: a file of the artifact cannot be read.
    """

    def __init__(
        self, verified: VerifiedArtifact, config: ModelConfig, options: LoadOptions, device: Device
    ) -> None:
        self._directory = options.calibration_cache
        self._path: Path | None = None
        if self._directory is not None:
            self._path = self._directory / f"{_key(verified, config, options, device)}.json"

    def read(self) -> CalibrationRecord | None:
        """What an earlier start wrote; `None` when there is nothing or it cannot be read."""
        if self._path is None:
            return None
        try:
            return CalibrationRecord.from_json(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            logger.warning(
                "calibration cache ignored: directory=%s error=%s", self._directory, error
            )
            return None

    def write(self, record: CalibrationRecord) -> None:
        """A full disk or a read-only volume costs the record, never the start."""
        if self._path is None:
            return
        draft = self._path.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(record.to_json(), encoding="utf-8")
            draft.replace(self._path)
        except OSError as error:
            logger.warning("calibration not cached: directory=%s error=%s", self._directory, error)
            with suppress(OSError):
                draft.unlink()


def _key(
    verified: VerifiedArtifact, config: ModelConfig, options: LoadOptions, device: Device
) -> str:
    """A digest of the artifact, and of everything else that matters."""
    facts = (
        __version__,
        find_backend_class(verified.artifact.format).framework_version(),
        verified.digest(),
        replace(config, name=None, file="", version_policy=VersionPolicy()),
        str(device),
        device.options if device.kind == "cuda" else None,
        options.cpus,
        options.instances,
        options.threads,
        options.max_batch_size,
        options.max_execution_seconds,
        options.calibration_budget_seconds,
        options.waits_for_batches,
    )
    return hashlib.sha256("\n".join(map(repr, facts)).encode()).hexdigest()
