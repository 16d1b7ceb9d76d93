"""What an execution costs: measured at calibration, corrected by what is seen since."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from math import exp

from msgspec import Struct

MEMORY_SECONDS = 10.0
"""Time constant of forgetting executions: calm for an autoscaler that looks at a minute, and sure
of a neighbour that stays after half of one."""
MEMORY_EXECUTIONS = 20.0
"""The newest are never forgotten, however long ago they were."""
FACTOR_BOUNDS = (0.25, 20.0)
LONGEST_STALL = 10.0
"""What one execution counts for at most, in multiples of what was expected: a machine that was
suspended says nothing of the cost."""


class CostLine(Struct, frozen=True):
    """Seconds of one execution by its number of rows."""

    points: tuple[tuple[int, float], ...]
    """(rows, seconds), ascending in rows, at least one."""

    def seconds(self, rows: int) -> float:
        """Interpolated between the points, and beyond the last in proportion to its rows."""
        index = bisect_left(self.points, (rows, 0.0))
        if index == len(self.points):
            last_rows, last_seconds = self.points[-1]
            return last_seconds * rows / last_rows
        right_rows, right_seconds = self.points[index]
        if index == 0 or right_rows == rows:
            return right_seconds
        left_rows, left_seconds = self.points[index - 1]
        share = (rows - left_rows) / (right_rows - left_rows)
        return left_seconds + share * (right_seconds - left_seconds)

    def times(self, ratio: float) -> CostLine:
        """Of a model that takes `ratio` times as long."""
        return CostLine(tuple((rows, seconds * ratio) for rows, seconds in self.points))

    def seconds_per_row(self, max_rows: int) -> float:
        """Of a row in a batch of `max_rows` rows."""
        return self.seconds(max_rows) / max_rows


_UNIT = CostLine(((1, 1.0),))
"""Of a model that could not be measured: a row counts 1, and the factor is seconds per row."""


class CostModel:
    """The cost line of a served model, times the one factor by which executions were seen to differ
    from it: throttling, neighbours, clocks and other inputs move all points alike, as far as one
    can tell.

    The factor is the observed time of recent executions over their expected time, as sums: each
    counts by the time that it took, and a stall by what it cost. Without a calibration (`line` is
    `None`) it is the cost of a row itself, learned from nothing.
    """

    def __init__(
        self,
        line: CostLine | None,
        *,
        max_rows: int,
        clock: Callable[[], float],
        wide_line: CostLine | None = None,
    ) -> None:
        """`wide_line` is that of executions which have all CPUs to themselves."""
        self._line = line or _UNIT
        self._wide_line = wide_line or self._line
        self._is_calibrated = line is not None
        self._row_seconds = self._line.seconds_per_row(max_rows)
        self._clock = clock
        self._aged = clock()
        self._executions = MEMORY_EXECUTIONS if line else 0.0
        self._expected = self._executions * self._line.seconds(1)
        self._observed = self._expected
        self.factor = 1.0 if line else 0.0
        """Observed over predicted; without a calibration 0 before the first execution."""

    @property
    def seconds_per_row(self) -> float:
        """Expected now, for a row in a full batch; 0 while nothing is known."""
        return self._row_seconds * self.factor

    @property
    def predicted_seconds_per_row(self) -> float:
        """The same by the line alone."""
        return self._row_seconds

    @property
    def calibrated_seconds_per_row(self) -> float:
        """As measured at calibration; 0 when nothing could be measured."""
        return self._row_seconds if self._is_calibrated else 0.0

    def limit_rows(self, rows: int) -> None:
        """Batches have at most `rows` rows from now on, which raises the cost of a row."""
        self._row_seconds = self._line.seconds_per_row(rows)

    def predict(self, rows: int, *, is_wide: bool = False) -> float:
        """Seconds of an execution by its line alone."""
        return (self._wide_line if is_wide else self._line).seconds(rows)

    def observe(self, predicted_seconds: float, seconds: float) -> None:
        """Learn from one execution that took `seconds`."""
        if self.factor:
            seconds = min(seconds, LONGEST_STALL * self.factor * predicted_seconds)
        self._executions += 1
        self._expected += predicted_seconds
        self._observed += seconds
        if self._expected > 0:
            self.factor = self._bounded(self._observed / self._expected)

    def age(self) -> None:
        """Forget by the time that has passed, down to the newest; called at a steady interval."""
        now = self._clock()
        keep = exp((self._aged - now) / MEMORY_SECONDS)
        self._aged = now
        if self._executions > MEMORY_EXECUTIONS:
            keep = max(keep, MEMORY_EXECUTIONS / self._executions)
            self._executions *= keep
            self._expected *= keep
            self._observed *= keep

    def _bounded(self, factor: float) -> float:
        if not self._is_calibrated:
            return factor
        return min(max(factor, FACTOR_BOUNDS[0]), FACTOR_BOUNDS[1])
