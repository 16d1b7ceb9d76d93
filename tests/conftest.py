"""Fixtures that several folders share."""

from __future__ import annotations

import gc
import os

import hypothesis
import pytest
from prometheus_client import CollectorRegistry

from longshore.metrics import ServerMetrics
from tests.clock import FakeClock

hypothesis.settings.register_profile("untimed", deadline=None)  # no test asserts a duration
hypothesis.settings.load_profile("untimed")
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # tests import onnxruntime by themselves, too


def pytest_collection_finish() -> None:
    """Every collection of garbage would look through all modules and tests again, and unloading a
    version makes one.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def metrics() -> ServerMetrics:
    return ServerMetrics(CollectorRegistry())


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
