"""An onnxruntime session on an NVIDIA GPU: our streams and staging memory around its IOBinding.

The session computes on our stream and does not wait for it, so a run returns when it is queued;
inputs are bound to device memory that is filled meanwhile, outputs stay on the device until their
copy is queued. https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from math import prod
from typing import Any

import numpy as np
import onnxruntime
from msgspec import Struct

from longshore.backends.cuda.pipeline import STREAMS, DeviceStreams, Stream
from longshore.backends.cuda.runtime import CudaRuntime, GpuMemory, HostMemory
from longshore.tensors import Array, Signature

_NO_GRAPH = -1
"""The `gpu_graph_id` of a run that neither captures nor replays."""


class OnnxTensor(Struct, frozen=True, eq=False):
    """Device memory with a type and a shape; `owner` keeps it alive."""

    address: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    owner: Any

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * self.dtype.itemsize


class OnnxModel:
    """Runs a session over device memory, on the session's own stream.

    `kind` is onnxruntime's word for the device. `call` runs what it is given, on a thread of its
    choice: onnxruntime keeps CUDA graphs by thread.
    """

    def __init__(
        self,
        session: Any,
        signature: Signature,
        *,
        kind: str = "cuda",
        index: int = 0,
        call: Callable[[Callable[[], None]], None] = lambda work: work(),
    ) -> None:
        self._session = session
        self._dtypes = {spec.name: spec.datatype.numpy_dtype for spec in signature.outputs}
        self._device = (kind, index)
        self._call = call
        self._eager = run_options(_NO_GRAPH)

    def forward(self, inputs: Mapping[str, OnnxTensor]) -> dict[str, OnnxTensor]:
        """All outputs, in memory of the session that is theirs until they are dropped."""
        binding = self.bind(inputs)
        for name in self._dtypes:
            binding.bind_output(name, *self._device)
        self.run(binding, self._eager)
        return {
            name: OnnxTensor(value.data_ptr(), dtype, tuple(value.shape()), value)
            for (name, dtype), value in zip(
                self._dtypes.items(), binding.get_outputs(), strict=True
            )
        }

    def bind(
        self, inputs: Mapping[str, OnnxTensor], outputs: Mapping[str, OnnxTensor] | None = None
    ) -> Any:
        """An IOBinding over these tensors' memory."""
        binding = self._session.io_binding()
        for name, tensor in inputs.items():
            binding.bind_input(name, *self._device, tensor.dtype.type, tensor.shape, tensor.address)
        for name, tensor in (outputs or {}).items():
            binding.bind_output(
                name, *self._device, tensor.dtype.type, tensor.shape, tensor.address
            )
        return binding

    def run(self, binding: Any, options: Any) -> None:
        self._call(lambda: self._session.run_with_iobinding(binding, options))


def run_options(graph_id: int) -> Any:
    options = onnxruntime.RunOptions()
    options.add_run_config_entry("disable_synchronize_execution_providers", "1")
    options.add_run_config_entry("gpu_graph_id", str(graph_id))
    return options


Run = Callable[[Mapping[str, OnnxTensor]], dict[str, OnnxTensor]]


class OnnxStreams(DeviceStreams):
    """The device of the pipeline, by the CUDA runtime; set `run` before anything is launched."""

    def __init__(self, runtime: CudaRuntime) -> None:
        self._runtime = runtime
        self._streams = {name: runtime.create_stream() for name in STREAMS}
        self.run: Run

    @property
    def compute(self) -> int:
        """The handle of the stream on which the session is to compute."""
        return self._streams["compute"]

    def computing(self) -> AbstractContextManager[None]:
        return nullcontext()

    def send_now(self, inputs: Mapping[str, Array]) -> dict[str, OnnxTensor]:
        return {name: self._send(array) for name, array in inputs.items()}

    def fetch_now(self, tensor: OnnxTensor) -> Array:
        """The value of a tensor once all that is queued on the stream compute is done."""
        pinned = self.allocate_pinned(tensor.nbytes)
        self._runtime.copy_out(tensor.address, pinned.address, tensor.nbytes, self.compute)
        self.synchronize(self.record("compute"))
        return self.read((pinned, tensor))

    def copy_now(self, source: OnnxTensor, target: OnnxTensor) -> None:
        """Queue a copy of as many bytes as both have on the stream compute."""
        size = min(source.nbytes, target.nbytes)
        self._runtime.copy_within(source.address, target.address, size, self.compute)

    def allocate_pinned(self, size: int) -> HostMemory:
        return HostMemory(self._runtime, size)

    def allocate_device(self, size: int) -> GpuMemory:
        return GpuMemory(self._runtime, size)

    def fill(self, pinned: HostMemory, array: Array) -> None:
        flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        pinned.bytes[: array.nbytes] = flat

    def copy_in(self, pinned: HostMemory, memory: GpuMemory, array: Array) -> OnnxTensor:
        stream = self._streams["in"]
        self._runtime.copy_in(pinned.address, memory.address, array.nbytes, stream)
        return OnnxTensor(memory.address, array.dtype, array.shape, memory)

    def launch(
        self, inputs: Mapping[str, OnnxTensor], output_names: Sequence[str]
    ) -> dict[str, OnnxTensor]:
        outputs = self.run(inputs)
        return {name: outputs[name] for name in output_names}

    def size_of(self, output: OnnxTensor) -> int:
        return output.nbytes

    def copy_out(self, output: OnnxTensor, pinned: HostMemory) -> tuple[HostMemory, OnnxTensor]:
        self._runtime.copy_out(output.address, pinned.address, output.nbytes, self._streams["out"])
        return pinned, output

    def read(self, returned: tuple[HostMemory, OnnxTensor]) -> Array:
        pinned, tensor = returned
        array: Array = pinned.bytes[: tensor.nbytes].view(tensor.dtype).reshape(tensor.shape)
        return array.copy()

    def record(self, stream: Stream) -> Any:
        return self._runtime.record(self._streams[stream])

    def wait(self, stream: Stream, event: Any) -> None:
        self._runtime.wait(self._streams[stream], event)

    def synchronize(self, event: Any) -> None:
        self._runtime.synchronize(event)

    def elapsed_seconds(self, start: Any, end: Any) -> float:
        return self._runtime.elapsed_seconds(start, end)

    def _send(self, array: Array) -> OnnxTensor:
        pinned, memory = self.allocate_pinned(array.nbytes), self.allocate_device(array.nbytes)
        self.fill(pinned, array)
        self._runtime.copy_in(pinned.address, memory.address, array.nbytes, self.compute)
        self.synchronize(self.record("compute"))
        return OnnxTensor(memory.address, array.dtype, array.shape, memory)
