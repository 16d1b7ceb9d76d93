"""The values file, and the record of every step beside it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import yaml

from longshore_k8s.capacity.measured import Measured
from longshore_k8s.capacity.objective import Objective
from longshore_k8s.capacity.rate_text import rate_text
from longshore_k8s.capacity.recommendation import BUFFER, MIB, Recommendation


def write_values(
    file: Path,
    measured: Measured,
    recommended: Recommendation,
    objective: Objective,
    provenance: dict[str, Any],
) -> None:
    """Nothing but keys of the chart's `values.yaml`; where they come from stands in comments."""
    comments = [*_found(measured, recommended, objective), *_from(provenance)]
    head = "".join(f"# {line}\n" for line in comments)
    body = yaml.safe_dump(recommended.values, sort_keys=False)
    _replace(file, head + body)


def write_record(file: Path, record: dict[str, Any]) -> None:
    """As JSON, where no number is NaN or infinite."""
    _replace(file, json.dumps(record, indent=1, allow_nan=False) + "\n")


def record_file(values_file: Path) -> Path:
    return values_file.with_suffix(".json")


def _found(measured: Measured, recommended: Recommendation, objective: Objective) -> list[str]:
    how = "by bisection" if measured.doubts else "by the model of the batcher"
    return [
        f"Written by `longshore capacity` for {objective}.",
        f"Knee {rate_text(measured.knee)} requests/s (95 % CI {rate_text(measured.knee_low)} to "
        f"{rate_text(measured.knee_high)}), {how}; bound by {measured.bound_by}.",
        *(f"The model does not hold: {doubt}." for doubt in measured.doubts),
        *(f"Beware of {sentence}." for sentence in measured.drift.sentences),
        f"Target: {recommended.reason}. `utilization` read {measured.utilization:.2f} at the knee.",
        f"Memory: a peak of {measured.memory_peak / MIB:.0f} MiB, with a buffer of "
        f"{100 * (BUFFER - 1):.0f} %.",
        f"Starts: cold {_seconds(measured.cold_seconds)}, with a kept calibration "
        f"{_seconds(measured.kept_seconds)}.",
    ]


def _seconds(found: tuple[float, ...]) -> str:
    return f"{max(found):.1f} s ({len(found)})" if found else "not measured"


def _from(provenance: dict[str, Any]) -> list[str]:
    return [f"{name}: {value}" for name, value in provenance.items()]


def _replace(file: Path, text: str) -> None:
    """Whole or not at all."""
    draft = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
