"""Models are loaded here as in the tests of execution."""

from tests.execution.conftest import calibration_cache, load_identity, measure_identity

__all__ = ["calibration_cache", "load_identity", "measure_identity"]
