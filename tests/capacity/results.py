"""A measurement as a real one looks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from longshore_k8s.capacity.measured import Confirmation, Measured, Overload

MIB = 2**20


def measured(**changes: Any) -> Measured:
    """Of a pod with a knee at 402 requests/s."""
    steps = tuple(
        {
            "purpose": purpose,
            "rate": rate,
            "latency_seconds": {"p50": p99 and p99 / 3, "p90": p99 and p99 / 2, "p99": p99},
        }
        for purpose, rate, p99 in (
            ("check", 100.0, 0.02), ("fit", 300.0, 0.05), ("confirm", 390.0, 0.088),
            ("overload", 603.0, None),
        )
    )  # fmt: skip
    found = Measured(
        knee_low=393.0,
        knee=402.0,
        knee_high=411.0,
        scale=1.04,
        doubts=(),
        shape="",
        confirmation=Confirmation(390.0, 7100, 41, 0, 0.088, 0.00005),
        overload=Overload(603.0, 12000, 6090, 0),
        burst_rate=450.0,
        idle_seconds=0.009,
        utilization=0.93,
        bound_by="the model",
        throttled_share=0.0,
        cpus_used=1.87,
        memory_start=311 * MIB,
        memory_peak=402 * MIB,
        probe_seconds=0.02,
        longest_batch_seconds=0.072,
        cold_seconds=(3.1, 2.9, 3.0),
        kept_seconds=(0.9, 0.9, 0.8),
        steps=steps,
    )
    return replace(found, **changes)
