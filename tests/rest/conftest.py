"""Models are loaded here as in the tests of execution."""

from tests.execution.conftest import (
    _calm_machine,
    calibration_cache,
    load_identity,
    measure_identity,
)

__all__ = ["_calm_machine", "calibration_cache", "load_identity", "measure_identity"]
