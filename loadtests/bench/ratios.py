"""Ratios within a round, medians over rounds: drift between rounds cancels out."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from loadtests.bench.cells import Cell
from loadtests.bench.targets import ECHO, LONGSHORE


class Table:
    """Cells by what was measured."""

    def __init__(self, cells: Iterable[Cell]) -> None:
        self.cells = list(cells)
        self._by_key = {
            (cell.model, cell.target, cell.encoding, cell.concurrency, cell.round): cell
            for cell in self.cells
        }

    def values(self, name: str) -> list[str]:
        """Different values of a column, in the order they first appear."""
        return list(dict.fromkeys(str(getattr(cell, name)) for cell in self.cells))

    def rounds(self, model: str, target: str, encoding: str, concurrency: int) -> list[Cell]:
        return [
            cell for key, cell in self._by_key.items()
            if key[:4] == (model, target, encoding, concurrency)
        ]  # fmt: skip

    def throughput_ratio(
        self, model: str, over: str, encoding: str, concurrency: int, target: str = LONGSHORE
    ) -> float | None:
        """Median of `target` / `over` in requests per second; `None` when not measured."""
        return _median_ratio(
            (cell.rps, self._beside(cell, over).rps)
            for cell in self.rounds(model, target, encoding, concurrency)
            if self._has_beside(cell, over)
        )

    def latency_ratio(
        self, model: str, encoding: str, concurrency: int, over: str = ECHO
    ) -> float | None:
        """Median of Longshore's p50 / that of `over`; the floor's is a mean."""
        pairs = []
        for cell in self.rounds(model, LONGSHORE, encoding, concurrency):
            if self._has_beside(cell, over):
                other = self._beside(cell, over)
                if cell.p50_ms is not None and other.p50_ms is not None:
                    pairs.append((cell.p50_ms, other.p50_ms))
        return _median_ratio(pairs)

    def best_throughput_ratio(
        self, model: str, over: str, encoding: str, concurrencies: tuple[int, ...]
    ) -> float | None:
        """Median over rounds of best / best, each over the same `concurrencies`."""
        pairs = []
        for number in dict.fromkeys(cell.round for cell in self.cells):
            best = [
                max(
                    (
                        cell.rps
                        for (m, t, e, c, r), cell in self._by_key.items()
                        if (m, t, e, r) == (model, target, encoding, number) and c in concurrencies
                    ),
                    default=None,
                )
                for target in (LONGSHORE, over)
            ]
            if best[0] is not None and best[1] is not None:
                pairs.append((best[0], best[1]))
        return _median_ratio(pairs)

    def _beside(self, cell: Cell, target: str) -> Cell:
        return self._by_key[cell.model, target, cell.encoding, cell.concurrency, cell.round]

    def _has_beside(self, cell: Cell, target: str) -> bool:
        key = (cell.model, target, cell.encoding, cell.concurrency, cell.round)
        return key in self._by_key


def _median_ratio(pairs: Iterable[tuple[float, float]]) -> float | None:
    ratios = [value / base for value, base in pairs if base]
    return median(ratios) if ratios else None
