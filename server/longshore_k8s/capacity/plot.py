"""One picture: latency over load, the objective, the knee, and what bounds it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from longshore_k8s.capacity.measured import Measured
from longshore_k8s.capacity.objective import Objective
from longshore_k8s.capacity.rate_text import rate_text
from longshore_k8s.capacity.recommendation import Recommendation

COUNTED = ("check", "fit", "bisect", "confirm", "overload")
TOP = 4.0
"""Of the picture, in multiples of the objective: beyond it is beyond it."""


def draw(
    measured: Measured, recommended: Recommendation, objective: Objective, file: Path, *, title: str
) -> None:
    """Write a PNG, or what else the name of `file` ends with."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 5))
    steps = sorted(
        (step for step in measured.steps if step["purpose"] in COUNTED),
        key=lambda step: float(step["rate"]),
    )
    top = TOP * 1000 * objective.seconds
    for name, style in (("p50", ":"), ("p90", "--"), ("p99", "-")):
        rates, latencies = _points(steps, name, top)
        axes.plot(rates, latencies, style, marker="o", markersize=4, label=name)
    slo = 1000 * objective.seconds
    axes.axhline(slo, color="tab:red", linewidth=1)
    axes.annotate(f"SLO p{objective.percentile:g}", (0, slo), color="tab:red", va="bottom")
    axes.axvspan(measured.knee_low, measured.knee_high, color="tab:gray", alpha=0.3)
    axes.axvline(measured.knee, color="black", linewidth=1)
    axes.annotate(
        f" knee {rate_text(measured.knee)}/s\n bound by {measured.bound_by}",
        (measured.knee, 0.97 * top), va="top",
    )  # fmt: skip
    axes.axvline(recommended.requests_per_second, color="tab:green", linestyle="--", linewidth=1)
    axes.annotate(
        f"target {rate_text(recommended.requests_per_second)}/s ",
        (recommended.requests_per_second, 0.97 * top), va="top", ha="right", color="tab:green",
    )  # fmt: skip
    axes.set(
        xlim=(0, None), ylim=(0, top), title=title, xlabel="offered requests per second",
        ylabel="latency in milliseconds (the top is beyond it)",
    )  # fmt: skip
    axes.legend(loc="center left")
    figure.savefig(file, dpi=100, bbox_inches="tight")
    pyplot.close(figure)


def _points(
    steps: Sequence[dict[str, Any]], name: str, top: float
) -> tuple[list[float], list[float]]:
    """(rates, milliseconds); requests without an answer are at the top."""
    rates = [float(step["rate"]) for step in steps]
    found = [step["latency_seconds"].get(name) for step in steps]
    return rates, [top if value is None else min(top, 1000 * value) for value in found]
