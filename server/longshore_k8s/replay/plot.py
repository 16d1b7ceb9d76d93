"""A replay as a picture: the load above, the pods below, with bands over the seeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from longshore_k8s.replay.report import Replay


def plot(replay: Replay, path: Path) -> None:
    """Write the picture."""
    from matplotlib.figure import Figure

    trace, capacity, outcome = replay.conditions.trace, replay.conditions.capacity, replay.outcome
    figure = Figure(figsize=(10, 6), layout="constrained")
    load, pods = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2))
    hours = trace.times / 3600
    load.step(hours, trace.rates, where="post", color="0.3")
    load.set_ylabel("requests/s")
    load.set_ylim(bottom=0)
    perfect = np.maximum(np.ceil(trace.rates / capacity.knee), 1)
    pods.step(hours, perfect, where="post", color="0.5", linestyle=":", label="perfect")
    plans = [("as written", outcome, "tab:blue")]
    if replay.best is not None:
        plans.append((f"suggested: {replay.best.name}", replay.best.outcome, "tab:green"))
    for name, found, color in plans:
        low, middle, high = found.bands()
        at = found.seconds / 3600
        pods.fill_between(at, low, high, step="post", color=color, alpha=0.25, linewidth=0)
        label = f"{name}: p50, band p5 to p95 of {len(found.pod_hours)} seeds"
        pods.step(at, middle, where="post", color=color, label=label)
    pods.set_ylabel("pods")
    pods.set_xlabel("hours")
    pods.set_ylim(bottom=0)
    figure.legend(loc="outside lower center", fontsize="small")
    missed = 100 * float(outcome.missed_share.mean())
    pair = f"{float(np.median(outcome.pod_hours)):.1f} pod-hours, {missed:.2f} % late or refused"
    load.set_title(f"As written: {pair}", fontsize="medium")
    figure.savefig(path, dpi=120)
