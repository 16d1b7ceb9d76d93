"""CUDA graphs: a whole forward pass launched by one call, for batches of fixed sizes.

A graph is kept only when it gives what the model itself gives on inputs that it was not captured
with, and faster; a model that synchronises or branches on values cannot be captured, and runs as
before. A batch between two sizes is filled up only as far as that is cheaper than running it as it
is: a graph saves the price of many launches, and pays for rows that nobody asked for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

logger = logging.getLogger(__name__)

_ONE_CAPTURE = threading.Lock()
"""A process captures one graph at a time, whatever captures it (torch.cuda.graph says so)."""

Shape = tuple[tuple[str, tuple[int, ...]], ...]
"""Name and shape of every input without axis 0, in the order of the names."""


class Graph(Protocol):
    """One captured pass."""

    def replay(self, inputs: Mapping[str, Any], *, rows: int) -> dict[str, Any]:
        """Outputs of the first `rows` rows; inputs may have fewer rows than were captured. The
        outputs are copies that the next replay leaves alone.
        """


class GraphDevice(Protocol):
    """What capturing needs of a device; `TorchGraphs` and `OnnxGraphs` are the real ones."""

    def capture(self, inputs: Mapping[str, Any]) -> Graph:
        """Capture the model on inputs of this shape; raises whatever stands against it."""

    def forward(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The model as it is; it may write to its inputs."""

    def copy(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The same inputs in memory of their own."""

    def vary(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Other valid inputs of the same shape (the rows in another order)."""

    def seconds(self, run: Callable[[], object]) -> float:
        """Device time of one `run`, the mean of several that follow one another."""

    def difference(self, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
        """Where the outputs differ beyond the tolerance, in words."""


def choose_bucket(buckets: Sequence[int], rows: int) -> int | None:
    """The smallest of `buckets` that holds `rows`."""
    return min((bucket for bucket in buckets if bucket >= rows), default=None)


class _Bucket(Struct, frozen=True):
    graph: Graph
    gain: float
    """How many times as long the model takes without the graph, at this many rows."""


class BucketGraphs:
    """The graphs of one model by its inputs' shape and number of rows."""

    def __init__(self, device: GraphDevice) -> None:
        self._device = device
        self._graphs: dict[Hashable, dict[int, _Bucket]] = {}
        self._tried: set[Hashable] = set()

    def buckets(self) -> list[int]:
        """Rows of the graphs that are kept, ascending."""
        return sorted({rows for graphs in self._graphs.values() for rows in graphs})

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """All outputs, by the graph that holds these inputs or else by the model as it is."""
        found = self.find({name: tuple(tensor.shape) for name, tensor in inputs.items()})
        if found is None:
            return self._device.forward(inputs)
        graph, rows = found
        return graph.replay(inputs, rows=rows)

    def prepare(self, inputs: Mapping[str, Any]) -> None:
        """Capture a graph for this shape and prove it; one that fails is dropped with a log line.

        Raises:
            Exception: the model itself fails on `inputs`.
        """
        shape, rows = _split({name: tuple(tensor.shape) for name, tensor in inputs.items()})
        if rows is None or (shape, rows) in self._tried:
            return
        self._tried.add((shape, rows))
        device = self._device
        wanted = device.forward(device.copy(inputs))
        try:
            with _ONE_CAPTURE:
                graph = device.capture(inputs)
            problem = self._disproof(graph, inputs, wanted, rows)
            gain = self._gain(graph, inputs, rows)
        except Exception as error:
            problem = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        else:
            if problem is None and gain <= 1.0:
                problem = f"the model takes {gain:.2f} times as long without it"
        if problem is not None:
            logger.warning("no CUDA graph for %d rows: %s", rows, problem)
            return
        self._graphs.setdefault(shape, {})[rows] = _Bucket(graph, gain)

    def find(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[Graph, int] | None:
        """The graph of the smallest bucket that holds these inputs, and their number of rows;
        `None` when there is none, or its unused rows would cost more than it saves.
        """
        shape, rows = _split(shapes)
        graphs = self._graphs.get(shape)
        if not graphs or not rows:
            return None
        size = choose_bucket(tuple(graphs), rows)
        if size is None or size > rows * graphs[size].gain:
            return None
        return graphs[size].graph, rows

    def limit_rows(self, rows: int) -> None:
        """Drop what is larger than the smallest bucket that holds `rows`."""
        for graphs in self._graphs.values():
            largest = choose_bucket(tuple(graphs), rows)
            for bucket in [b for b in graphs if largest is not None and b > largest]:
                del graphs[bucket]

    def clear(self) -> None:
        self._graphs.clear()

    def _gain(self, graph: Graph, inputs: Mapping[str, Any], rows: int) -> float:
        device = self._device
        plain = device.seconds(lambda: device.forward(inputs))
        return plain / max(device.seconds(lambda: graph.replay(inputs, rows=rows)), 1e-9)

    def _disproof(
        self, graph: Graph, inputs: Mapping[str, Any], wanted: Mapping[str, Any], rows: int
    ) -> str | None:
        device = self._device
        problem = device.difference(graph.replay(inputs, rows=rows), wanted)
        if problem is not None:
            return problem
        others = device.vary(inputs)
        found = graph.replay(others, rows=rows)
        return device.difference(found, device.forward(others))


def _split(shapes: Mapping[str, tuple[int, ...]]) -> tuple[Shape, int | None]:
    """The shape without rows, and the rows; `None` when the inputs do not share axis 0."""
    names = sorted(shapes)
    rows = {shapes[name][0] if shapes[name] else None for name in names}
    tails = tuple((name, shapes[name][1:]) for name in names)
    return tails, rows.pop() if len(rows) == 1 else None
