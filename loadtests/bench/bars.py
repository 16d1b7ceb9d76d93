"""The bars that Longshore has to meet, and whether this run met them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from loadtests.bench.idle_connections import IdleRound
from loadtests.bench.ratios import Table
from loadtests.bench.start_up import StartUp
from loadtests.bench.targets import ECHO, ONNXRUNTIME

MIN_ROUNDS = 3
BUSY = (8, 32, 64)


@dataclass(frozen=True, slots=True)
class Bar:
    what: str
    measured: float
    bound: float
    at_least: bool
    """Whether `measured` has to be at least `bound`, else at most."""
    unit: str = "x"

    @property
    def passed(self) -> bool:
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound

    def as_row(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed}

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        verdict = "pass" if self.passed else "MISS"
        figure = f"{self.measured:7.2f} {self.unit:3} (bar {sign} {self.bound:g})"
        return f"{verdict}  {figure:24} {self.what}"


def throughput_bars(table: Table) -> Iterator[Bar]:
    """The bars that need only cells; those of models that were not measured are left out."""
    yield from _bar(
        "tiny json, best of c=32/64, throughput / echo",
        table.best_throughput_ratio("tiny", ECHO, "json", (32, 64)), 0.40, at_least=True,
    )  # fmt: skip
    yield from _bar(
        "tiny json, c=1, p50 / echo's p50",
        table.latency_ratio("tiny", "json", 1), 2.5, at_least=False,
    )  # fmt: skip
    for model, encoding, bound in (
        ("encoder", "json", 0.92), ("encoder", "binary", 0.92),
        ("cnn", "binary", 0.92), ("cnn", "json", 0.75),
    ):  # fmt: skip
        for connections in BUSY:
            ratio = table.throughput_ratio(model, ONNXRUNTIME, encoding, connections)
            what = f"{model} {encoding}, c={connections}, throughput / onnxruntime at its best"
            yield from _bar(what, ratio, bound, at_least=True)
    yield from _bar(
        "image json, c=8, throughput / echo",
        table.throughput_ratio("image", ECHO, "json", 8), 0.07, at_least=True,
    )  # fmt: skip
    for model, encoding in (("encoder", "json"), ("encoder", "binary"), ("cnn", "binary")):
        ratio = table.latency_ratio(model, encoding, 1, over=ONNXRUNTIME)
        what = f"{model} {encoding}, c=1, p50 / the fastest execution of onnxruntime alone"
        yield from _bar(what, ratio, 1.15, at_least=False)


def start_up_bars(rounds: list[StartUp]) -> Iterator[Bar]:
    if not rounds:
        return
    yield Bar(
        "cold start with a cached calibration / import onnxruntime, load, run",
        median(each.cached_seconds / each.floor_seconds for each in rounds), 2.5, at_least=False,
    )  # fmt: skip
    yield Bar(
        "cold start: what an uncached calibration adds",
        median(each.uncached_seconds - each.cached_seconds for each in rounds), 1.0,
        at_least=False, unit="s",
    )  # fmt: skip
    yield Bar(
        "memory (PSS), warm, above import onnxruntime, load, run",
        median(each.warm_pss_mb - each.floor_pss_mb for each in rounds), 45.0,
        at_least=False, unit="MiB",
    )  # fmt: skip


def idle_bars(rounds: list[IdleRound], count: int) -> Iterator[Bar]:
    if rounds:
        ratio = median(each.beside_idle_rps / each.alone_rps for each in rounds)
        yield Bar(
            f"tiny json c=32, throughput beside {count} idle connections / without them",
            ratio, 0.9, at_least=True,
        )  # fmt: skip


def _bar(what: str, measured: float | None, bound: float, *, at_least: bool) -> Iterator[Bar]:
    if measured is not None:
        yield Bar(what, measured, bound, at_least)
