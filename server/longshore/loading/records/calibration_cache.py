"""Records of earlier starts, by what they depend on: a restart tries and measures nothing."""

from __future__ import annotations

import hashlib
import logging
import os
from contextlib import suppress
from pathlib import Path

from longshore.loading.load_options import LoadOptions
from longshore.loading.records.calibration_record import CalibrationRecord
from longshore.loading.records.conditions import Conditions
from longshore.repository.regular_file import read_bounded

logger = logging.getLogger(__name__)

MOST_BYTES = 256 * 1024
"""Of a record, which has a few thousand."""


class CalibrationCache:
    """Where the record for what `conditions` are of is. Keeps nothing where the options name no
    directory.

    Raises:
        ModelLoadError: a file of the artifact cannot be read.
    """

    def __init__(self, options: LoadOptions, conditions: Conditions) -> None:
        self._directory = options.calibration_cache
        self._path: Path | None = None
        if self._directory is not None:
            # What did not fit into one budget may fit into another.
            facts = f"{conditions.key} {options.calibration_budget_seconds}"
            key = hashlib.sha256(facts.encode()).hexdigest()
            self._path = self._directory / f"{key}.json"

    def read(self) -> CalibrationRecord | None:
        """What an earlier start wrote; `None` when there is nothing or it cannot be read."""
        if self._path is None or not os.path.lexists(self._path):
            return None
        try:
            content = read_bounded(
                self._path, inside=self._path.parent.resolve(), max_bytes=MOST_BYTES
            )
            return CalibrationRecord.from_json(content.decode())
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
