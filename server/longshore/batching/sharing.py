"""Whether idle instances divide the rows that wait, or one of them takes them all."""

from __future__ import annotations

from msgspec import Struct

from longshore.batching.cost import CostLine

WORTHWHILE = 0.8
"""Seconds of a share over those of all rows in one execution, at most, where that leaves CPUs
idle: a batch saves work that divided rows do not."""


class Sharing(Struct, frozen=True):
    """By what executions cost."""

    narrow: CostLine
    """Of one instance, with all others at work."""
    wide: CostLine | None = None
    """Of an execution that has all CPUs to itself, where lone ones run so."""

    def rows_each(self, rows: int, instances: int, *, most: int) -> int:
        """Rows that an idle instance takes of the `rows` that wait for `instances` idle ones, at
        most `most`.
        """
        each, first = min(most, -(-rows // instances)), min(most, rows)
        together = WORTHWHILE * self.narrow.seconds(first)
        if self.wide is not None and first == rows:
            together = min(together, self.wide.seconds(rows))
        return each if self.narrow.seconds(each) <= together else first
