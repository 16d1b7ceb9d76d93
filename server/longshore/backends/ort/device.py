"""What one onnxruntime session needs of its GPU, before and after it is opened."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import onnxruntime

from longshore.backends.base import Device
from longshore.backends.cuda.graphs import BucketGraphs
from longshore.backends.cuda.runner import CudaRunner
from longshore.backends.cuda.runtime import CudaError, CudaRuntime, device_count
from longshore.backends.devices.identity import DeviceIdentity
from longshore.backends.devices.memory import DeviceMemory
from longshore.backends.ort.cuda import OnnxModel, OnnxStreams, OnnxTensor
from longshore.backends.ort.graphs import OnnxGraphs
from longshore.errors import ModelLoadError
from longshore.tensors import Signature

logger = logging.getLogger(__name__)

PROVIDER = "CUDAExecutionProvider"


def cuda_problem(index: int) -> str | None:
    """Why onnxruntime cannot use the device `index`, as the end of a sentence."""
    if PROVIDER not in onnxruntime.get_available_providers():
        return (
            "this onnxruntime has no CUDA provider: pip uninstall onnxruntime, then "
            "pip install 'longshore[onnx-gpu]'"
        )
    # The provider is listed wherever it is installed, with its libraries and a GPU or without.
    onnxruntime.preload_dlls()
    try:
        count = device_count()
    except (CudaError, OSError) as error:
        return f"onnxruntime finds no usable CUDA device: {error}"
    return None if index < count else f"onnxruntime finds {count} CUDA devices"


class OnnxCuda:
    """The streams and the thread of one session."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._runtime = CudaRuntime(device.index)
        self._free_at_start = self._runtime.memory()[0]
        self._streams = OnnxStreams(self._runtime)
        # `auto` leaves graphs out: they bind every run to one thread, at the price of a hand-over.
        self._thread = ThreadPoolExecutor(1) if device.options.graphs == "on" else None

    def provider_options(self) -> dict[str, str]:
        options = self._device.options
        found = {
            "device_id": str(self._device.index),
            # The defaults reserve up to twice what is needed, and search anew for every new shape.
            "arena_extend_strategy": "kSameAsRequested",
            "cudnn_conv_algo_search": "HEURISTIC",
            "use_tf32": "1" if options.precision == "tf32" else "0",
            "user_compute_stream": str(self._streams.compute),
            "enable_cuda_graph": "0" if self._thread is None else "1",
        }
        if options.memory_limit_bytes is not None:
            found["gpu_mem_limit"] = str(options.memory_limit_bytes)
        return found

    def gives_up_graphs(self, error: ModelLoadError) -> bool:
        """Whether the session was refused for its graphs; it is then worth opening again."""
        if self._thread is None or "graph capture feature" not in str(error):
            return False
        logger.warning("no CUDA graphs: %s", error)
        self.close()
        return True

    def open_runner(self, session: object, signature: Signature) -> CudaRunner:
        thread = self._thread
        call = (lambda work: work()) if thread is None else (lambda w: thread.submit(w).result())
        model = OnnxModel(session, signature, index=self._device.index, call=call)
        graphs = None if thread is None else BucketGraphs(OnnxGraphs(model, self._streams))
        self._streams.run = model.forward if graphs is None else graphs.run
        return CudaRunner(self, self._streams, graphs)

    def memory(self) -> DeviceMemory:
        """onnxruntime does not tell its own: what is gone since the session was opened counts."""
        free, total = self._runtime.memory()
        used = max(0, self._free_at_start - free)
        limit = self._device.options.memory_limit_bytes
        if limit is not None and limit < total:
            total, free = limit, min(free, max(0, limit - used))
        return DeviceMemory(used, used, free, total)

    def identity(self) -> DeviceIdentity:
        return self._runtime.identity()

    def release_unused(self) -> None:
        """onnxruntime keeps what its arena has until the session ends."""

    def close(self) -> None:
        # Streams and graphs refer to one another, and so to the session, whose memory is wanted.
        self._streams.run = _closed
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None


def _closed(inputs: Mapping[str, OnnxTensor]) -> dict[str, OnnxTensor]:
    raise RuntimeError("the session is closed")
