"""What an execution costs: measured at calibration, corrected by what is seen since."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

DRIFT_WEIGHT = 0.05
"""Weight of the newest execution in the running correction (about the last 20 count)."""
DRIFT_BOUNDS = (0.25, 20.0)


@dataclass(frozen=True, slots=True)
class CostLine:
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

    def seconds_per_row(self, max_rows: int) -> float:
        """Of a row in a batch of `max_rows` rows."""
        return self.seconds(max_rows) / max_rows


class CostModel:
    """The cost line of a served model, corrected by the executions observed since.

    Without a calibration (`line` is `None`) the cost of a row is learned from the executions.
    """

    def __init__(self, line: CostLine | None, *, max_rows: int) -> None:
        self.line = line
        self._max_rows = max_rows
        self._row_seconds = line.seconds_per_row(max_rows) if line else 0.0
        self._drift = 1.0
        self._has_observed = line is not None

    @property
    def seconds_per_row(self) -> float:
        """Expected now, for a row in a full batch; 0 while nothing is known."""
        return self._row_seconds * self._drift

    @property
    def calibrated_seconds_per_row(self) -> float:
        """As measured at calibration, so that the autoscaler's unit does not move with the load."""
        return self._row_seconds

    def limit_rows(self, rows: int) -> None:
        """Batches have at most `rows` rows from now on, which raises the cost of a row."""
        self._max_rows = rows
        if self.line is not None:
            self._row_seconds = self.line.seconds_per_row(rows)

    def seconds(self, rows: int) -> float:
        """Expected duration of an execution of `rows` rows."""
        at_rest = self.line.seconds(rows) if self.line else self._row_seconds * rows
        return at_rest * self._drift

    def observe(self, rows: int, seconds: float) -> None:
        """Learn from one execution."""
        if self.line is not None:
            expected = self.line.seconds(rows)
            if expected > 0:
                drift = self._drift + DRIFT_WEIGHT * (seconds / expected - self._drift)
                self._drift = min(max(drift, DRIFT_BOUNDS[0]), DRIFT_BOUNDS[1])
            return
        observed = seconds / rows
        weight = DRIFT_WEIGHT if self._has_observed else 1.0
        self._row_seconds += weight * (observed - self._row_seconds)
        self._has_observed = True
