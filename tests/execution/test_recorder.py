"""What is learned from an execution."""

from __future__ import annotations

import pytest

from longshore.batching.cost import CostLine, CostModel
from longshore.execution.batch_execution import Execution
from longshore.execution.recorder import ExecutionRecorder
from longshore.execution.statistics import ModelStatistics
from longshore.execution.version_metrics import VersionMetrics


def test_a_wide_execution_counts_by_its_own_line_and_for_all_its_threads(metrics, clock):
    cost = CostModel(
        CostLine(((1, 0.010),)), max_rows=1, clock=clock, wide_line=CostLine(((1, 0.006),))
    )
    recorder = ExecutionRecorder(
        "any", cost, VersionMetrics(metrics, "m", "1"), ModelStatistics(), max_rows=1,
        limit_rows=lambda rows: None, wide_weight=2.0,
    )  # fmt: skip

    recorder.record(Execution([], 1, 0.0, 0.006, 0.006, 0.0, 0.006, 0.0, (), is_wide=True))
    recorder.record(Execution([], 1, 0.0, 0.010, 0.010, 0.0, 0.010, 0.0, ()))

    assert cost.factor == pytest.approx(1.0)
    assert metrics.predicted_compute_seconds.total() == pytest.approx(2 * 0.006 + 0.010)
