"""Fixtures that several folders share."""

from __future__ import annotations

import os

import pytest
from prometheus_client import CollectorRegistry

from longshore.metrics import ServerMetrics
from tests.clock import FakeClock

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # tests import onnxruntime by themselves, too


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def metrics() -> ServerMetrics:
    return ServerMetrics(CollectorRegistry())


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
