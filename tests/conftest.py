"""Fixtures that several folders share."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import hypothesis
import pytest
from prometheus_client import CollectorRegistry

from longshore.metrics import ServerMetrics
from tests.clock import FakeClock

hypothesis.settings.register_profile("untimed", deadline=None)  # no test asserts a duration
hypothesis.settings.load_profile("untimed")
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # tests import onnxruntime by themselves, too

TESTS = Path(__file__).parent
LONGEST = (
    "integration/test_crashing_frameworks.py",
    "integration/test_hostile_volume.py",
    "integration/test_lifecycle.py",
    "integration/test_candidates.py",
    "lifecycle/trial/test_trials.py",
    "backends/test_outgoing_calls.py",
    "loadtests/test_locustfile.py",
    "chart/test_types.py",
    "chart/test_set.py",
    "capacity/test_knee_by_seeds.py",
    "controller/test_gateway_interruptions.py",
    "controller/test_interruptions.py",
    "integration/test_tracing.py",
    "backends/test_lazy_imports.py",
    "push/test_pushing.py",
    "integration/test_end_of_process.py",
)
"""Files that take 15 s or more, the longest first."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: where several processes take files (`make test`), none is left with
    a long one in the end.
    """
    rank = {TESTS / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


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
