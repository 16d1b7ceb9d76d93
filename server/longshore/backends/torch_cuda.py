"""A torch model on an NVIDIA GPU: streams, pinned memory, graphs, and what the memory holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from longshore.backends.base import Begun, Device
from longshore.backends.cuda_graphs import BucketGraphs, GraphDevice
from longshore.backends.cuda_pipeline import STREAMS, CudaPipeline, DeviceStreams, Stream
from longshore.backends.device_memory import DeviceMemory
from longshore.tensors import Array

Forward = Callable[[Mapping[str, Any]], dict[str, Any]]
"""The model: tensors by name in, all outputs by name out, on the current stream."""

_WARM_UP_RUNS = 3
_TOLERANCES = {"float32": 1e-4, "tf32": 1e-3, "fp16": 1e-2, "bf16": 5e-2}


class CudaRunner:
    """Runs `forward` by graphs where it may, through the pipeline; used by one thread at a time."""

    def __init__(
        self, forward: Forward, *, uses_graphs: bool, streams: TorchStreams, graphs: GraphDevice
    ) -> None:
        self._forward = forward
        self._streams = streams
        self._graphs = BucketGraphs(graphs) if uses_graphs else None
        streams.launcher = self.launch
        self._pipeline = CudaPipeline(streams)

    def launch(self, inputs: Mapping[str, Any], output_names: Sequence[str]) -> dict[str, Any]:
        """The outputs named, contiguous; on the current stream."""
        found = None
        if self._graphs is not None:
            found = self._graphs.find({name: tuple(t.shape) for name, t in inputs.items()})
        if found is None:
            outputs = self._forward(inputs)
        else:
            graph, rows = found
            outputs = graph.replay(inputs, rows=rows)
        return {name: outputs[name].contiguous() for name in output_names}

    def begin(self, inputs: Mapping[str, Array], output_names: Sequence[str]) -> Begun:
        ticket = self._pipeline.begin(inputs, output_names)
        return lambda: self._pipeline.finish(ticket)

    def prepare(self, inputs: Mapping[str, Array]) -> None:
        if self._graphs is None:
            return
        with torch.inference_mode(), self._streams.computing():
            self._graphs.prepare(self._streams.send_now(inputs))
        self._streams.synchronize(self._streams.record("compute"))

    def limit_rows(self, rows: int) -> None:
        if self._graphs is not None:
            self._graphs.limit_rows(rows)

    def seconds(self, inputs: Mapping[str, Array], output_names: Sequence[str]) -> float:
        return self._pipeline.seconds_per_execution(inputs, output_names)

    def close(self) -> None:
        if self._graphs is not None:
            self._graphs.clear()


def open_runner(forward: Forward, device: Device) -> CudaRunner:
    """State the precision and the memory limit, and open the streams; the device is there."""
    options = device.options
    # One process serves one model, so what torch keeps for the whole process is the model's own.
    precision = "tf32" if options.precision == "tf32" else "ieee"
    torch.backends.cuda.matmul.fp32_precision = precision
    torch.backends.cudnn.conv.fp32_precision = precision
    if options.memory_limit_bytes is not None:
        total = torch.cuda.get_device_properties(device.index).total_memory
        fraction = min(1.0, options.memory_limit_bytes / total)
        torch.cuda.set_per_process_memory_fraction(fraction, device.index)
    return CudaRunner(
        forward,
        uses_graphs=options.uses_graphs,
        streams=TorchStreams(str(device)),
        graphs=TorchGraphs(forward, str(device), _TOLERANCES[options.precision]),
    )


def device_memory(device: Device) -> DeviceMemory:
    """By torch's allocator, and by the driver for what other processes leave."""
    free, total = torch.cuda.mem_get_info(device.index)
    reserved = torch.cuda.memory_reserved(device.index)
    limit = device.options.memory_limit_bytes
    if limit is not None and limit < total:
        total, free = limit, min(free, max(0, limit - reserved))
    return DeviceMemory(torch.cuda.memory_allocated(device.index), reserved, free, total)


class TorchStreams(DeviceStreams):
    """The device of the pipeline, by torch."""

    def __init__(self, device: str) -> None:
        self.launcher: Callable[[Mapping[str, Any], Sequence[str]], dict[str, Any]]
        self._device = device
        self._streams = {name: torch.cuda.Stream(device) for name in STREAMS}

    def computing(self) -> Any:
        """A context in which what is queued goes to the stream compute."""
        return torch.cuda.stream(self._streams["compute"])

    def send_now(self, inputs: Mapping[str, Array]) -> dict[str, Any]:
        """The inputs on the device, copied on the current stream, without staging."""
        return {
            name: torch.from_numpy(np.array(array)).to(self._device)
            for name, array in inputs.items()
        }

    def allocate_pinned(self, size: int) -> Any:
        return torch.empty(size, dtype=torch.uint8, pin_memory=True)

    def allocate_device(self, size: int) -> Any:
        return torch.empty(size, dtype=torch.uint8, device=self._device)

    def fill(self, pinned: Any, array: Array) -> None:
        pinned[: array.nbytes].numpy()[:] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)

    def copy_in(self, pinned: Any, memory: Any, array: Array) -> Any:
        size = array.nbytes
        with torch.cuda.stream(self._streams["in"]):
            memory[:size].copy_(pinned[:size], non_blocking=True)
        return memory[:size].view(torch_dtype(array.dtype)).view(array.shape)

    def launch(self, inputs: Mapping[str, Any], output_names: Sequence[str]) -> dict[str, Any]:
        with torch.inference_mode(), self.computing():
            return self.launcher(inputs, output_names)

    def size_of(self, output: Any) -> int:
        return int(output.nbytes)

    def copy_out(self, output: Any, pinned: Any) -> Any:
        size = output.nbytes
        with torch.inference_mode(), torch.cuda.stream(self._streams["out"]):
            pinned[:size].copy_(output.reshape(-1).view(torch.uint8), non_blocking=True)
        return pinned[:size], numpy_dtype(output.dtype), tuple(output.shape)

    def read(self, returned: Any) -> Array:
        pinned, dtype, shape = returned
        array: Array = pinned.numpy().view(dtype).reshape(shape).copy()
        return array

    def record(self, stream: Stream) -> Any:
        # Blocking: a host that spins in `synchronize` eats the CPU quota of the container.
        event = torch.cuda.Event(enable_timing=True, blocking=True)
        event.record(self._streams[stream])
        return event

    def wait(self, stream: Stream, event: Any) -> None:
        self._streams[stream].wait_event(event)

    def synchronize(self, event: Any) -> None:
        event.synchronize()

    def elapsed_seconds(self, start: Any, end: Any) -> float:
        return float(start.elapsed_time(end)) / 1000.0


class TorchGraphs(GraphDevice):
    """Captures `forward`; everything here runs on the current stream."""

    def __init__(self, forward: Forward, device: str, tolerance: float) -> None:
        self._forward = forward
        self._device = device
        self._tolerance = tolerance
        # One pool for all: no graph reads what another left there, so they may share it.
        self._pool = torch.cuda.graph_pool_handle()

    def capture(self, inputs: Mapping[str, Any]) -> TorchGraph:
        static = {name: tensor.clone() for name, tensor in inputs.items()}
        current = torch.cuda.current_stream(self._device)
        for _ in range(_WARM_UP_RUNS):
            self._forward(static)
        current.synchronize()
        graph = torch.cuda.CUDAGraph()
        # Only this thread is held to what a capture forbids: others load or serve meanwhile.
        with torch.cuda.graph(
            graph, pool=self._pool, stream=current, capture_error_mode="thread_local"
        ):
            outputs = self._forward(static)
        return TorchGraph(graph, static, outputs)

    def eager(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return {name: output.clone() for name, output in self._forward(inputs).items()}

    def vary(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return {name: _varied(tensor) for name, tensor in inputs.items()}

    def difference(self, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
        for name, expected in wanted.items():
            actual = found[name]
            if actual.shape != expected.shape or actual.dtype != expected.dtype:
                return f"output '{name}' has another shape or type"
            if not _is_close(actual, expected, self._tolerance):
                return f"output '{name}' differs from that of the model by more than its tolerance"
        return None


class TorchGraph:
    """A captured pass over tensors of its own."""

    def __init__(self, graph: Any, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        self._graph = graph
        self._inputs = inputs
        self._outputs = outputs

    def replay(self, inputs: Mapping[str, Any], *, rows: int) -> dict[str, Any]:
        bucket = 0
        for name, static in self._inputs.items():
            bucket = len(static)
            # Rows beyond those given keep older values: rows are proven not to see each other.
            static[:rows].copy_(inputs[name], non_blocking=True)
        self._graph.replay()
        if rows == bucket:
            return {name: output.clone() for name, output in self._outputs.items()}
        return {name: output[:rows].clone() for name, output in self._outputs.items()}


def torch_dtype(dtype: np.dtype[Any]) -> Any:
    return torch.from_numpy(np.empty(0, dtype)).dtype


def numpy_dtype(dtype: Any) -> Any:
    return torch.empty(0, dtype=dtype).numpy().dtype


def _varied(tensor: Any) -> Any:
    """Other values of the same kind: halved, so that an index stays an index."""
    flipped = tensor.flip(0)
    if tensor.dtype.is_floating_point:
        return flipped * 0.5
    if tensor.dtype in (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8):
        return flipped // 2
    return flipped


def _is_close(actual: Any, expected: Any, tolerance: float) -> bool:
    if not actual.dtype.is_floating_point:
        return bool(torch.equal(actual, expected))
    return bool(torch.allclose(actual, expected, rtol=tolerance, atol=tolerance, equal_nan=True))
