from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.monitoring import prometheus
from tests.monitoring.scene import Scene, playing

MOST_WAITING = 4.0
"""Processes for each CPU; with more, clients and scrapes are too late by whole windows."""


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Takes about 20 s to start; queries of it are answered at once."""
    prometheus.program("prometheus")
    with playing(tmp_path_factory.mktemp("scene")) as scene:
        waiting = os.getloadavg()[0] / (os.cpu_count() or 1)
        if waiting > MOST_WAITING:
            pytest.skip(f"no load of a known rate: {waiting:.0f} processes wait for each CPU")
        yield scene
