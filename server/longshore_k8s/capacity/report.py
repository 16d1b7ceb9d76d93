"""The lines that a person reads at the end, and one that moves meanwhile."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from longshore_k8s.capacity.measured import Measured
from longshore_k8s.capacity.objective import Objective
from longshore_k8s.capacity.rate_text import rate_text
from longshore_k8s.capacity.recommendation import MIB, Recommendation
from longshore_k8s.capacity.sizes import Size


class ProgressLine:
    """On stderr: one line that is overwritten on a terminal, a line each elsewhere."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self._last = ""
        self._is_terminal = sys.stderr.isatty()

    def tell(self, text: str) -> None:
        if text == self._last and not self._is_terminal:
            return
        self._last = text
        line = f"{time.monotonic() - self._begin:5.0f} s  {text}"
        end = "\r" if self._is_terminal else "\n"
        print(f"\x1b[2K{line}" if self._is_terminal else line, end=end, file=sys.stderr, flush=True)

    def warn(self, text: str) -> None:
        """A line that stays."""
        self.end()
        print(text, file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._is_terminal:
            print("\x1b[2K", end="", file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Result:
    """Of one size."""

    cpus: float
    measured: Measured
    recommended: Recommendation


def lines(result: Result, objective: Objective) -> list[str]:
    measured, confirmed = result.measured, result.measured.confirmation
    percentile = confirmed.percentile_seconds
    latency = "beyond all bounds" if percentile is None else f"{1000 * percentile:.3g} ms"
    used = "" if measured.cpus_used is None else f";  CPU {measured.cpus_used:.2f} of"
    cpu = f"{used} {result.cpus:g}" if used else ""
    limit = result.recommended.values["resources"]["limits"]["memory"]
    return [
        f"start-up     cold {_slowest(measured.cold_seconds)}, with kept calibration "
        f"{_slowest(measured.kept_seconds)}",
        f"knee         {rate_text(measured.knee)} req/s, 95 % CI {rate_text(measured.knee_low)}.."
        f"{rate_text(measured.knee_high)}; p{objective.percentile:g} at "
        f"{rate_text(confirmed.rate)} req/s: {latency} ({confirmed.requests:,} requests, "
        f"{confirmed.late} late, {confirmed.lost or 'none'} lost)",
        f"bound by     {measured.bound_by}; throttled {100 * measured.throttled_share:.1f} % of "
        f"periods; client lag p99 {1000 * confirmed.lag_p99_seconds:.2g} ms",
        *(
            f"             the model does not hold ({measured.shape}): {doubt}"
            for doubt in measured.doubts
        ),
        *(f"             {sentence}" for sentence in measured.drift.sentences),
        f"overload     {rate_text(measured.overload.rate)} req/s: "
        f"{measured.overload.answered} answered, {measured.overload.refused} refused, "
        f"{measured.overload.lost} lost",
        f"memory       {measured.memory_start / MIB:.0f} MiB at start, "
        f"{measured.memory_peak / MIB:.0f} at the peak -> {limit}{cpu}",
    ]


def placed(client: str) -> str:
    """Where the client was."""
    return f"client       {client}"


def wrote(result: Result, file: str) -> str:
    values = result.recommended.values
    metrics = values["autoscaling"]["metrics"]
    return (
        f"wrote        {file}: requestsPerSecond {metrics['requestsPerSecond']}, utilization "
        f"{metrics['utilization']}, probes.startup.seconds "
        f"{values['probes']['startup']['seconds']}, longestBatchSeconds "
        f"{values['longestBatchSeconds']}"
    )


def ranking(sizes: Sequence[Size]) -> list[str]:
    """The cheapest first."""
    return [
        f"{'sizes' if not number else '':12} {size.cpus:g} CPU: {size.cost:.3g} per 1,000 req/s "
        f"({rate_text(size.target)} req/s a pod, {size.memory_mib} MiB)"
        for number, size in enumerate(sizes)
    ]


def _slowest(seconds: Sequence[float]) -> str:
    return f"{max(seconds):.1f} s ({len(seconds)})" if seconds else "not measured"
