"""Calibrations that travel with a model: `<model>/calibration/*.json`, by `longshore calibrate`.

{"format": 2, "conditions": {"artifact": "<digest>", "cpus": "2", ...}, "record": {...}}

Records of several CPUs, limits and frameworks lie side by side. They are no part of a version:
neither its digest nor its manifest knows of them, so they are checked as strictly as a cache.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec.structs import replace

from longshore.loading.records.calibration_record import CalibrationRecord
from longshore.loading.records.conditions import ARTIFACT, Conditions, digest_of
from longshore.repository.atomic_file import write_atomically
from longshore.repository.bounded_json import load_json
from longshore.repository.layout import CALIBRATION_DIRECTORY
from longshore.repository.regular_file import IrregularFile, read_bounded, resolve_inside

logger = logging.getLogger(__name__)

FORMAT = 2
MOST_BYTES = 256 * 1024
"""Of a file; the calibration of a model has a few thousand."""
MOST_FILES = 256
"""That are looked at, by name in order."""
_KEYS = {"format", "conditions", "record"}


class RecordedCalibrations:
    """Those in the model directory `root`."""

    def __init__(self, root: Path, conditions: Conditions) -> None:
        self._root = root
        self._conditions = conditions

    def read(self) -> CalibrationRecord | None:
        """The first that fits; why others do not is logged.

        Raises:
            ModelLoadError: a file of the artifact cannot be read.
        """
        for file, content in _documents(self._root):
            try:
                conditions, record = _parse(content)
                if self._fits(file, conditions):
                    found = CalibrationRecord.of_content(record)
                    notes = tuple(map(_one_line, found.plan.notes))
                    plan = replace(found.plan, notes=notes, source="recorded")
                    return replace(found, plan=plan)
            except ValueError as error:
                logger.warning("recorded calibration ignored: file=%s error=%s", file, error)
        return None

    def write(self, version: str, record: CalibrationRecord) -> Path:
        """Beside the version, in one step; in place of one under the same conditions.

        Raises:
            OSError: the volume is read-only or full.
        """
        name, text = _written(version, self._conditions.facts, record.to_content())
        directory = self._root / CALIBRATION_DIRECTORY
        directory.mkdir(exist_ok=True)
        write_atomically(directory / name, text)
        return directory / name

    def _fits(self, file: Path, conditions: Mapping[str, str]) -> bool:
        here = self._conditions.facts
        if conditions.get(ARTIFACT) != here[ARTIFACT]:
            return False  # of another version, as one would expect
        others = [name for name in here if conditions.get(name) != here[name]]
        if others:
            logger.info(
                "recorded calibration does not fit: file=%s %s",
                file,
                ", ".join(f"{n}: {conditions.get(n)!r:.80}, here {here[n]!r}" for n in others),
            )
        return not others


def of_artifact(root: Path, artifact: str, *, version: str, becomes: str) -> dict[str, str]:
    """Those in the model directory `root` that were measured with the artifact of this digest, as
    they are of one that will have the digest `becomes`: texts by the name of their file beside
    `version`. The digest changes where the same bytes are published without what lay beside them.
    """
    found: dict[str, str] = {}
    for file, content in _documents(root):
        try:
            conditions, record = _parse(content)
            CalibrationRecord.of_content(record)
        except ValueError as error:
            logger.warning("recorded calibration ignored: file=%s error=%s", file, error)
            continue
        if conditions.get(ARTIFACT) == artifact:
            name, text = _written(version, {**conditions, ARTIFACT: becomes}, record)
            found[name] = text
    return found


def _written(version: str, conditions: Mapping[str, str], record: object) -> tuple[str, str]:
    """Name and text of a file."""
    document = {"format": FORMAT, "conditions": dict(conditions), "record": record}
    return f"{version}-{digest_of(conditions)[:16]}.json", json.dumps(document, indent=1) + "\n"


def _documents(root: Path) -> Iterator[tuple[Path, bytes]]:
    try:
        directory = resolve_inside(root / CALIBRATION_DIRECTORY, root.resolve())
        names = sorted(name for name in os.listdir(directory) if _is_record(name))
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, IrregularFile) as error:
        if os.path.lexists(root / CALIBRATION_DIRECTORY):
            logger.warning("recorded calibrations ignored: %s", error)
        return
    for name in names[:MOST_FILES]:
        file = directory / name
        try:
            yield file, read_bounded(file, inside=directory, max_bytes=MOST_BYTES)
        except (OSError, IrregularFile) as error:
            logger.warning("recorded calibration ignored: file=%s error=%s", file, error)


def _is_record(name: str) -> bool:
    return name.endswith(".json") and not name.startswith(".") and name.isprintable()


def _one_line(note: str) -> str:
    """The log shows it."""
    return "".join(letter if letter.isprintable() else " " for letter in note)


def _parse(content: bytes) -> tuple[Mapping[str, str], object]:
    """Raises ValueError when it is no such document."""
    document = load_json(content)
    if not isinstance(document, dict) or document.keys() != _KEYS:
        raise ValueError(f"not an object with the keys {', '.join(sorted(_KEYS))}")
    if type(document["format"]) is not int or document["format"] != FORMAT:
        raise ValueError(f"format: not {FORMAT}")
    conditions = document["conditions"]
    if not isinstance(conditions, dict):
        raise ValueError("conditions: not an object")
    return conditions, document["record"]
