"""Cold starts with a harmful newest version and an older good one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.attacks.candidate_rows import FAULTS, Row
from tests.attacks.served_process import ServedProcess

PROBE_SECONDS = 15.0
"""After which a startup probe ends a container that is not ready."""
MOST_STARTS = 3
Inside = Iterable[Callable[[list[str]], list[str]]]


def measure_cold(
    row: Row, model: Path, inside: Inside, options: dict[str, object]
) -> dict[str, object]:
    """`options` are those of the server; the cache outlives its starts, as a pod's does."""
    own = _start(model, inside, {**options, "calibration_cache": model.parent / "own"})
    assert own is not None, "the older version alone does not start"
    if row.make is not None:
        row.make(model)
        row.put(model)
        _age(model / "2")
    else:
        _begin_to_grow(model)
    settings = {**options, "calibration_cache": model.parent / "cache"}
    for starts in range(1, MOST_STARTS + 1):
        seconds = _start(model, inside, settings)
        if seconds is not None:
            return {
                "s beyond its own start": round(seconds - own, 2),
                "starts": starts,
                "own start, s": round(own, 2),
            }
    return {"s beyond its own start": float("inf"), "starts": float("inf")}


def _age(version: Path) -> None:
    """As if it had been there for a minute: what is still changing is not loaded."""
    then = time.time() - 60.0
    for path in (*version.iterdir(), version):
        os.utime(path, (then, then))


def _begin_to_grow(model: Path) -> None:
    """A copy in place that is under way."""
    (model / "2").mkdir()
    content = (model / "1" / "model.onnx").read_bytes()
    (model / "2" / "model.onnx").write_bytes(content[: len(content) // 3])


def _start(model: Path, inside: Inside, options: dict[str, object]) -> float | None:
    """Seconds until version 1 answers; `None` when the process ended or was ended before."""
    begun = time.monotonic()
    served = ServedProcess(
        model, inside=list(inside), environment={"PYTHONPATH": str(FAULTS)}, **options
    )
    try:
        while served.is_running and time.monotonic() < begun + PROBE_SECONDS:
            if served.health().get("versions", {}).get("1") == "READY":
                return time.monotonic() - begun
            time.sleep(0.02)
        return None
    finally:
        served.stop()
