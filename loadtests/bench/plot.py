"""One picture of a run: throughput as a share of its floor, and latency, for each model."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from loadtests.bench.cells import Cell
from loadtests.bench.ratios import Table
from loadtests.bench.targets import ECHO, LONGSHORE, ONNXRUNTIME

FLOORS = {"tiny": ECHO, "encoder": ONNXRUNTIME, "cnn": ONNXRUNTIME, "image": ECHO}
"""What limits each model: the HTTP server, or the model itself."""
STYLES = {"json": "-", "binary": "--"}
WIDTHS = {LONGSHORE: 2.5}
"""Of lines; the others are thinner."""


def draw(cells: list[Cell], path: Path) -> None:
    """A PNG with two panels for each model that was measured."""
    matplotlib.use("Agg")
    table = Table(cells)
    models = table.values("model")
    figure = Figure(figsize=(5 * len(models), 7.5), layout="constrained")
    panels = figure.subplots(2, len(models), squeeze=False)
    for column, model in enumerate(models):
        _throughput(panels[0][column], table, model)
        _latency(panels[1][column], table, model)
    lines = panels[1][0].get_legend_handles_labels()
    figure.legend(*lines, loc="outside lower center", ncols=2 * len(models), fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def _throughput(axes: Axes, table: Table, model: str) -> None:
    floor = FLOORS[model]
    for target, encoding, concurrencies in _lines(table, model):
        points = [
            (c, table.throughput_ratio(model, floor, encoding, c, target=target))
            for c in concurrencies
        ]
        known = [(c, ratio) for c, ratio in points if ratio is not None]
        axes.plot(
            [c for c, _ in known], [ratio for _, ratio in known], STYLES[encoding], marker="o",
            color=_colour(table, target), linewidth=WIDTHS.get(target, 1.2),
        )  # fmt: skip
    axes.set_title(model)
    axes.set_ylabel(f"throughput / {floor}")
    axes.set_ylim(bottom=0)
    _concurrency_axis(axes)


def _latency(axes: Axes, table: Table, model: str) -> None:
    for target, encoding, concurrencies in _lines(table, model):
        cells = {c: table.rounds(model, target, encoding, c) for c in concurrencies}
        timed = {
            c: [cell.p50_ms for cell in rounds if cell.p50_ms is not None]
            for c, rounds in cells.items()
        }
        points = [(c, median(values)) for c, values in timed.items() if values]
        axes.plot(
            [c for c, _ in points], [p50 for _, p50 in points], STYLES[encoding], marker="o",
            label=f"{target} {encoding}", color=_colour(table, target),
            linewidth=WIDTHS.get(target, 1.2),
        )  # fmt: skip
    axes.set_ylabel("p50, ms")
    axes.set_yscale("log")
    _concurrency_axis(axes)


def _lines(table: Table, model: str) -> list[tuple[str, str, list[int]]]:
    """Target, encoding and concurrencies of every line that has points; an echo does a hundred
    times what a larger model can, and the others would lie on the axis.
    """
    left_out = {ONNXRUNTIME} if FLOORS[model] == ECHO else {ONNXRUNTIME, ECHO}
    found: dict[tuple[str, str], dict[int, None]] = {}
    for cell in table.cells:
        if cell.model == model and cell.target not in left_out:
            found.setdefault((cell.target, cell.encoding), {})[cell.concurrency] = None
    return [(target, encoding, sorted(each)) for (target, encoding), each in found.items()]


def _colour(table: Table, target: str) -> str:
    return f"C{table.values('target').index(target) % 10}"


def _concurrency_axis(axes: Axes) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xlabel("connections")
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.grid(visible=True, alpha=0.3)
