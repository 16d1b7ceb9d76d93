"""Models are loaded here as in the tests of loading; what a model takes is measured once."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.loading.conftest import Load, _calm_machine
from tests.loading.conftest import load_identity as measure_identity

__all__ = ["_calm_machine", "measure_identity"]


@pytest.fixture(scope="session")
def calibration_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("calibration")


@pytest.fixture
def load_identity(measure_identity: Load, calibration_cache: Path) -> Load:
    """Measuring takes half a second; the record of it serves every test with an equal model."""
    return partial(measure_identity, calibration_cache=calibration_cache)
