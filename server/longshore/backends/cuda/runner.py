"""One model on one GPU: by graphs where they were proven, through the pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from longshore.backends.base import Begun
from longshore.backends.cuda.graphs import BucketGraphs
from longshore.backends.cuda.pipeline import DEPTH, CudaPipeline, DeviceStreams
from longshore.backends.devices.identity import DeviceIdentity
from longshore.backends.devices.memory import DeviceMemory
from longshore.tensors import Array


class FrameworkDevice(Protocol):
    """The device as the framework accounts for it."""

    def memory(self) -> DeviceMemory: ...

    def identity(self) -> DeviceIdentity: ...

    def release_unused(self) -> None:
        """Give memory back that is kept for later; on a lost device nothing happens."""

    def close(self) -> None:
        """Nothing runs on it any more."""


class CudaRunner:
    """Used by one thread at a time."""

    depth = DEPTH

    def __init__(
        self, device: FrameworkDevice, streams: DeviceStreams, graphs: BucketGraphs | None
    ) -> None:
        self.device = device
        self._streams = streams
        self._graphs = graphs
        self._pipeline = CudaPipeline(streams)

    def begin(self, inputs: Mapping[str, Array], output_names: Sequence[str]) -> Begun:
        ticket = self._pipeline.begin(inputs, output_names)
        return lambda: self._pipeline.finish(ticket)

    def prepare(self, inputs: Mapping[str, Array]) -> None:
        """Capture and prove a graph for inputs of this shape."""
        if self._graphs is None:
            return
        with self._streams.computing():
            self._graphs.prepare(self._streams.send_now(inputs))
        self._streams.synchronize(self._streams.record("compute"))

    def limit_rows(self, rows: int) -> None:
        if self._graphs is not None:
            self._graphs.limit_rows(rows)

    def seconds(self, inputs: Mapping[str, Array], output_names: Sequence[str]) -> float:
        """Device time of one execution, its neighbours beside it."""
        return self._pipeline.seconds_per_execution(inputs, output_names)

    def describe(self) -> dict[str, Any]:
        return {"cuda_graph_rows": [] if self._graphs is None else self._graphs.buckets()}

    def close(self) -> None:
        if self._graphs is not None:
            self._graphs.clear()
        self.device.close()
