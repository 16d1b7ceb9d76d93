"""A torch model on an NVIDIA GPU: streams, pinned memory, graphs, and what the memory holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import torch

from longshore.backends.base import Device, Precision
from longshore.backends.cuda.graphs import BucketGraphs, GraphDevice
from longshore.backends.cuda.pipeline import STREAMS, DeviceStreams, Stream
from longshore.backends.cuda.runner import CudaRunner
from longshore.backends.devices.identity import DeviceIdentity
from longshore.backends.devices.memory import DeviceMemory
from longshore.tensors import Array

Forward = Callable[[Mapping[str, Any]], dict[str, Any]]
"""The model: tensors by name in, all outputs by name out, on the current stream."""

_WARM_UP_RUNS, _TIMED_RUNS = 3, 5
_TOLERANCES: dict[Precision, float] = {"float32": 1e-4, "tf32": 1e-3, "fp16": 1e-2, "bf16": 5e-2}
"""Of a graph against the model itself, relative to the largest value of the output."""


def cuda_problem(index: int) -> str | None:
    """Why torch cannot use the device `index`, as the end of a sentence."""
    if torch.version.cuda is None:
        return f"torch {torch.__version__} was built without CUDA"
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count > index:
        return None
    if count:
        return f"torch finds {count} CUDA devices"
    try:
        torch.cuda.init()
    except Exception as error:
        return f"torch finds no usable CUDA device: {' '.join(str(error).split())}"
    return "torch finds no usable CUDA device"


def open_runner(forward: Forward, device: Device) -> CudaRunner:
    """State the precision and the memory limit, and open the streams; the device is there."""
    options = device.options
    _state_precision(options.precision)
    used = TorchDevice(device)
    used.set_limit()
    # Loading works on the default stream, for which the streams of the pipeline do not wait.
    torch.cuda.synchronize(device.index)
    used.release_unused()
    graphs = None
    if options.graphs != "off":
        graphs = BucketGraphs(TorchGraphs(forward, str(device), _TOLERANCES[options.precision]))
    streams = TorchStreams(str(device), forward if graphs is None else graphs.run)
    return CudaRunner(used, streams, graphs)


def _state_precision(precision: Precision) -> None:
    """One process serves one model, so what torch keeps for the whole process is the model's own.

    By the older of torch's two settings: it sets the newer one too, but not the other way round,
    and torch.compile raises where the two disagree.
    """
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"


class TorchDevice:
    """By torch's allocator, and by the driver for what other processes hold."""

    def __init__(self, device: Device) -> None:
        self._index = device.index
        self._limit = device.options.memory_limit_bytes

    def set_limit(self) -> None:
        if self._limit is not None:
            total = torch.cuda.get_device_properties(self._index).total_memory
            fraction = min(1.0, self._limit / total)
            torch.cuda.set_per_process_memory_fraction(fraction, self._index)

    def memory(self) -> DeviceMemory:
        free, total = torch.cuda.mem_get_info(self._index)
        reserved = torch.cuda.memory_reserved(self._index)
        if self._limit is not None and self._limit < total:
            total, free = self._limit, min(free, max(0, self._limit - reserved))
        return DeviceMemory(torch.cuda.memory_allocated(self._index), reserved, free, total)

    def identity(self) -> DeviceIdentity:
        found = torch.cuda.get_device_properties(self._index)
        bus = f"{found.pci_domain_id:08x}:{found.pci_bus_id:02x}:{found.pci_device_id:02x}.0"
        return DeviceIdentity(found.name, bus)

    def release_unused(self) -> None:
        with suppress(RuntimeError):
            torch.cuda.empty_cache()

    def close(self) -> None:
        self.release_unused()


class TorchStreams(DeviceStreams):
    """The device of the pipeline, by torch; `run` is the model, with its graphs."""

    def __init__(self, device: str, run: Forward) -> None:
        self._device = device
        self._run = run
        self._streams = {name: torch.cuda.Stream(device) for name in STREAMS}

    @contextmanager
    def computing(self) -> Iterator[None]:
        with torch.inference_mode(), torch.cuda.stream(self._streams["compute"]):
            yield

    def send_now(self, inputs: Mapping[str, Array]) -> dict[str, Any]:
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
        with self.computing():
            outputs = self._run(inputs)
            return {name: outputs[name].contiguous() for name in output_names}

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
        static = self.copy(inputs)
        current = torch.cuda.current_stream(self._device)
        for _ in range(_WARM_UP_RUNS):
            self._forward(self.copy(static))
        current.synchronize()
        graph = torch.cuda.CUDAGraph()
        # Only this thread is held to what a capture forbids: others load or serve meanwhile.
        with torch.cuda.graph(
            graph, pool=self._pool, stream=current, capture_error_mode="thread_local"
        ):
            outputs = self._forward(static)
        return TorchGraph(graph, static, outputs)

    def forward(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return self._forward(inputs)

    def copy(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return {name: tensor.clone() for name, tensor in inputs.items()}

    def vary(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return {name: _varied(tensor) for name, tensor in inputs.items()}

    def seconds(self, run: Callable[[], object]) -> float:
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        run()
        start.record()
        for _ in range(_TIMED_RUNS):
            run()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) / 1000.0 / _TIMED_RUNS

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
    if not actual.dtype.is_floating_point or not expected.numel():
        return bool(torch.equal(actual, expected))
    scale = float(expected.nan_to_num(0.0, 0.0, 0.0).abs().max())
    return bool(torch.allclose(actual, expected, rtol=0.0, atol=tolerance * scale, equal_nan=True))
