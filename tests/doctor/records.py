"""Records of `longshore capacity`, as its own code writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from longshore_k8s.capacity import files
from longshore_k8s.capacity.measured import Confirmation, Measured, Overload

MIB = 2**20


def write_record(file: Path, **found: Any) -> None:
    """Of a pod with one CPU; `found` are fields of `Measured`."""
    measured = Measured(**{
        "knee_low": 390.0, "knee": 400.0, "knee_high": 410.0, "scale": 1.0, "doubts": (),
        "shape": "smooth", "burst_rate": 500.0, "idle_seconds": 0.01, "utilization": 0.9,
        "confirmation": Confirmation(390.0, 7000, 40, 0, 0.09, 0.0001),
        "overload": Overload(600.0, 400, 200, 0), "bound_by": "the model", "throttled_share": 0.0,
        "cpus_used": 0.95, "memory_start": 300 * MIB, "memory_peak": 800 * MIB,
        "probe_seconds": 0.1, "longest_batch_seconds": 0.2, "cold_seconds": (20.0, 22.5),
        "kept_seconds": (3.0,), **found,
    })  # fmt: skip
    files.write_record(file, {"cpus_limit": 1.0, **measured.document()})
