"""A lone execution runs on all CPUs where that pays and where there is room for it."""

from __future__ import annotations

import math

import pytest

from longshore.batching.cost import CostLine
from longshore.loading import widening

NARROW = CostLine(((1, 0.010), (2, 0.020)))
SLOW = "delay_seconds: 0.002"


@pytest.fixture
def always_worthwhile(monkeypatch):
    """What sleeps is as slow on many threads as on one."""
    monkeypatch.setattr(widening, "WORTHWHILE", math.inf)


def test_an_execution_that_more_threads_make_faster_runs_on_them():
    wide = CostLine(((1, 0.006), (2, 0.011)))

    plan, note = widening.widen(NARROW, wide, 2)

    assert plan.threads == 2
    assert plan.cost == wide
    assert note == "a lone execution runs on 2 threads, 0.60 times as long"


def test_one_that_they_hardly_help_does_not_and_the_reason_is_said():
    plan, note = widening.widen(NARROW, CostLine(((1, 0.0095),)), 8)

    assert plan is None
    assert note == "a lone execution on 8 threads would take 0.95 times as long"


@pytest.mark.usefixtures("always_worthwhile")
def test_the_wide_backend_is_one_more_and_is_closed_with_the_others(load_identity):
    loaded = load_identity(SLOW)

    assert loaded.plan.instances == 2
    assert loaded.plan.wide.threads == 2
    assert loaded.wide not in loaded.backends
    assert loaded.different_backends().count(loaded.wide) == 1


@pytest.mark.usefixtures("always_worthwhile")
def test_it_is_remembered(load_identity, tmp_path):
    first, second = (load_identity(SLOW, calibration_cache=tmp_path / "cache") for _ in range(2))

    assert second.plan.source == "cached"
    assert second.plan.wide == first.plan.wide
    assert second.wide is not None


@pytest.mark.usefixtures("always_worthwhile")
def test_without_room_for_the_model_once_more_there_is_none(load_identity, monkeypatch):
    monkeypatch.setattr(widening, "free_memory", lambda: 40)

    loaded = load_identity(SLOW)

    assert loaded.wide is None
    assert loaded.plan.wide is None
    assert "lone executions do not run wide: the model once more takes" in loaded.plan.notes[-1]


@pytest.mark.usefixtures("always_worthwhile")
@pytest.mark.parametrize("pinned", [{"instances": 2}, {"threads": 1}, {"cpus": 1}])
def test_pins_are_obeyed_and_one_cpu_has_none_to_spare(load_identity, pinned):
    assert load_identity(SLOW, **pinned).plan.wide is None


@pytest.mark.usefixtures("always_worthwhile")
def test_a_model_on_the_event_loop_has_none(load_identity):
    loaded = load_identity()

    assert loaded.plan.is_inline
    assert loaded.wide is None
