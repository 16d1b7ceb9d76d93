"""CUDA graphs: a whole forward pass launched by one call, for batches of fixed sizes.

A graph is kept only when it gives what the model itself gives on inputs that it was not captured
with; a model that synchronises or branches on values cannot be captured, and runs as before.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol

logger = logging.getLogger(__name__)

Shape = tuple[tuple[str, tuple[int, ...]], ...]
"""Name and shape of every input without axis 0, in the order of the names."""


class Graph(Protocol):
    """One captured pass."""

    def replay(self, inputs: Mapping[str, Any], *, rows: int) -> dict[str, Any]:
        """Outputs of the first `rows` rows; inputs may have fewer rows than were captured. The
        outputs are copies that the next replay leaves alone.
        """


class GraphDevice(Protocol):
    """What capturing needs of a device; `torch_cuda.TorchGraphs` is the real one."""

    def capture(self, inputs: Mapping[str, Any]) -> Graph:
        """Capture the model on inputs of this shape; raises whatever stands against it."""

    def eager(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The model as it is."""

    def vary(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Other valid inputs of the same shape (the rows in another order)."""

    def difference(self, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
        """Where the outputs differ beyond the tolerance, in words."""


def choose_bucket(buckets: Sequence[int], rows: int) -> int | None:
    """The smallest of `buckets` that holds `rows`."""
    return min((bucket for bucket in buckets if bucket >= rows), default=None)


class BucketGraphs:
    """The graphs of one model by its inputs' shape and number of rows."""

    def __init__(self, device: GraphDevice) -> None:
        self._device = device
        self._graphs: dict[Hashable, dict[int, Graph]] = {}
        self._tried: set[Hashable] = set()

    def buckets(self, shapes: Mapping[str, tuple[int, ...]]) -> list[int]:
        """Rows of the graphs kept for inputs like these, ascending."""
        return sorted(self._graphs.get(_split(shapes)[0], ()))

    def prepare(self, inputs: Mapping[str, Any]) -> None:
        """Capture a graph for this shape and prove it; one that fails is dropped with a log line.

        Raises:
            Exception: the model itself fails on `inputs`.
        """
        shape, rows = _split({name: tuple(tensor.shape) for name, tensor in inputs.items()})
        if rows is None or (shape, rows) in self._tried:
            return
        self._tried.add((shape, rows))
        wanted = self._device.eager(inputs)
        try:
            graph = self._device.capture(inputs)
            problem = self._disproof(graph, inputs, wanted, rows)
        except Exception as error:
            problem = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        if problem is not None:
            logger.warning("no CUDA graph for %d rows: %s", rows, problem)
            return
        self._graphs.setdefault(shape, {})[rows] = graph

    def find(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[Graph, int] | None:
        """The graph of the smallest bucket that holds these inputs, and their number of rows."""
        shape, rows = _split(shapes)
        graphs = self._graphs.get(shape)
        if not graphs or not rows:
            return None
        bucket = choose_bucket(tuple(graphs), rows)
        return None if bucket is None else (graphs[bucket], rows)

    def limit_rows(self, rows: int) -> None:
        """Drop what is larger than the smallest bucket that holds `rows`."""
        for graphs in self._graphs.values():
            largest = choose_bucket(tuple(graphs), rows)
            for bucket in [b for b in graphs if largest is not None and b > largest]:
                del graphs[bucket]

    def clear(self) -> None:
        self._graphs.clear()

    def _disproof(
        self, graph: Graph, inputs: Mapping[str, Any], wanted: Mapping[str, Any], rows: int
    ) -> str | None:
        problem = self._device.difference(graph.replay(inputs, rows=rows), wanted)
        if problem is not None:
            return problem
        others = self._device.vary(inputs)
        return self._device.difference(graph.replay(others, rows=rows), self._device.eager(others))


def _split(shapes: Mapping[str, tuple[int, ...]]) -> tuple[Shape, int | None]:
    """The shape without rows, and the rows; `None` when the inputs do not share axis 0."""
    names = sorted(shapes)
    rows = {shapes[name][0] if shapes[name] else None for name in names}
    tails = tuple((name, shapes[name][1:]) for name in names)
    return tails, rows.pop() if len(rows) == 1 else None
