"""Recording executions: in the cost model, the metrics, the statistics, and the row limit."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from longshore.batching.cost import CostModel
from longshore.execution.batch_execution import Execution, rows_that_fit
from longshore.execution.statistics import ModelStatistics
from longshore.execution.version_metrics import VersionMetrics

logger = logging.getLogger(__name__)


class ExecutionRecorder:
    """Called on the event loop after the answers of an execution were handed out."""

    def __init__(
        self,
        label: str,
        cost: CostModel,
        metrics: VersionMetrics,
        statistics: ModelStatistics,
        *,
        max_rows: int,
        limit_rows: Callable[[int], None],
        wide_weight: float,
    ) -> None:
        """`label` names the model in the log; `limit_rows` is told of a lower limit. A wide
        execution keeps `wide_weight` times as many threads busy as another.
        """
        self._label = label
        self._cost = cost
        self._metrics = metrics
        self._statistics = statistics
        self._limit_rows = limit_rows
        self._wide_weight = wide_weight
        self.max_rows = max_rows
        """Of a batch; lower than planned once the device had no memory for more."""
        self.memory_notes: tuple[str, ...] = ()

    def record(self, execution: Execution) -> None:
        waits = [execution.started - done.part.request.admitted for done in execution.results]
        predicted = self._cost.predict(execution.rows, is_wide=execution.is_wide)
        self._cost.observe(predicted, execution.seconds)
        weight = self._wide_weight if execution.is_wide else 1.0
        self._metrics.observe(execution, waits, weight * predicted)
        if execution.out_of_memory_rows:
            self._lower_limit(execution.out_of_memory_rows)
        self._statistics.record_execution(execution, int(time.time() * 1000))

    def review(self) -> None:
        """Look at what a time without executions changes; called at a steady interval."""
        self._cost.age()
        self._metrics.show_cost_factor(self._cost.factor)

    def _lower_limit(self, oom_rows: tuple[int, ...]) -> None:
        """The device had no memory for batches of these rows: hand out smaller ones from now on."""
        rows = rows_that_fit(oom_rows)
        if rows >= self.max_rows:
            return
        note = f"batches have at most {rows} rows: the device had no memory for {min(oom_rows)}"
        logger.warning("batch limit lowered: %s %s", self._label, note)
        self.memory_notes = (note,)
        self.max_rows = rows
        self._limit_rows(rows)
        self._cost.limit_rows(rows)
        self._metrics.show_max_rows(rows)
