"""How a loaded model is to be executed."""

from __future__ import annotations

from msgspec import Struct

from longshore.batching.cost import CostLine


class Split(Struct, frozen=True):
    """CPUs divided among executions at once."""

    instances: int
    threads: int

    def __str__(self) -> str:
        return f"{self.instances}x{self.threads}"


class WidePlan(Struct, frozen=True):
    """How an execution runs that has all CPUs to itself: by a backend of its own, whose threads
    no other execution needs meanwhile.
    """

    threads: int
    cost: CostLine


class ExecutionPlan(Struct, frozen=True):
    """The outcome of proof and calibration; shown in metadata, log and metrics."""

    is_batched: bool
    max_batch_size: int
    """Rows in one execution; 1 when unbatched."""
    instances: int
    threads: int
    is_inline: bool
    """Executed on the event loop, because a hand-over to a thread would cost more."""
    cost: CostLine | None
    """`None` when nothing could be measured; the price is then learned from what is executed."""
    wide: WidePlan | None = None
    """For executions that nothing else runs or waits beside; `None` where it gains too little."""
    notes: tuple[str, ...] = ()
    """Why it is so, in sentences, for the log and the metadata."""
    source: str = "measured"
    """`measured`; `cached` when an earlier start measured it, `recorded` when `longshore calibrate`
    did; `inherited` from a version that served meanwhile.
    """

    @property
    def split(self) -> Split:
        return Split(self.instances, self.threads)


def batch_buckets(max_rows: int) -> list[int]:
    """Sizes for which a GPU is prepared: the powers of two below `max_rows`, and itself."""
    return [2**power for power in range(max_rows.bit_length()) if 2**power < max_rows] + [max_rows]
