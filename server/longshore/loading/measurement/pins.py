"""What pinned settings cost: obeyed, and said to be worse where they were measured to be."""

from __future__ import annotations

from longshore.loading.measurement import calibration
from longshore.loading.measurement.split_series import GOOD_ENOUGH, Measurement


def split_notes(pinned: Measurement, free: list[Measurement]) -> list[str]:
    """Instances and threads as pinned, beside the ways to divide the CPUs that were left open."""
    if not free:
        return []
    best = calibration.choose([*free, pinned])
    loss = 1 - pinned.best_throughput / best.best_throughput
    if loss <= 1 - GOOD_ENOUGH:
        return []
    return [
        f"instances x threads are pinned to {pinned.split}, {loss:.0%} slower than {best.split}"
    ]


def batch_notes(best: Measurement, measured: int, pinned: int) -> list[str]:
    """`max_batch_size` as pinned, beside the smaller batches; larger ones were not tried, since
    memory may be what it was pinned for.
    """
    loss = 1 - best.throughput(pinned) / best.throughput(measured)
    if loss > 1 - GOOD_ENOUGH:
        return [
            f"max_batch_size is pinned to {pinned}, {loss:.0%} slower per row than the measured "
            f"{measured}"
        ]
    half = pinned // 2
    gain = best.throughput(pinned) / best.throughput(half) - 1 if half else 0.0
    if gain > 1 - GOOD_ENOUGH:
        return [
            f"max_batch_size is pinned to {pinned}, where the last doubling still made rows "
            f"{gain:.0%} faster: larger batches may be better"
        ]
    return []
