"""Measuring a version for others: what is learned here travels with the model."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from longshore.loading.load_options import LoadOptions
from longshore.loading.model_loader import run_load
from longshore.loading.plan import ExecutionPlan
from longshore.loading.records.recorded_calibrations import RecordedCalibrations
from longshore.repository.artifact import Artifact
from longshore.repository.model_config import ModelConfig


class Calibrated(Struct, frozen=True):
    """What came of it."""

    plan: ExecutionPlan
    file: Path | None
    """Written; `None` when it was not."""
    problem: str = ""
    """Why not, in a clause."""


def calibrate(
    artifact: Artifact, config: ModelConfig, options: LoadOptions, root: Path
) -> Calibrated:
    """Load and measure a version as `load_model` would that remembers nothing, and write what was
    learned into the model directory `root`, unless others disturbed the measurement.

    Raises:
        ModelLoadError, ModelConfigError: as `load_model`.
        OSError: it cannot be written.
    """
    options = replace(options, calibration_cache=None, model_root=None)
    load, loaded = run_load(artifact, config, options)
    loaded.close()
    if load.record is None:
        return Calibrated(loaded.plan, None, load.disturbance or _what_lacks(loaded.plan))
    records = RecordedCalibrations(root, load.conditions)
    return Calibrated(loaded.plan, records.write(artifact.version, load.record))


def _what_lacks(plan: ExecutionPlan) -> str:
    if plan.cost is None:
        return "it could not be measured"
    return "not all of it was tried or can be made again"
