"""The few calls of the CUDA runtime that a pipeline beside onnxruntime needs, without torch.

By ctypes, on the very `libcudart` that onnxruntime's provider is linked to: streams and events are
then its own, whatever its CUDA version. ctypes lets go of the GIL while a call runs.
https://docs.nvidia.com/cuda/cuda-runtime-api
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from longshore.backends.devices.identity import DeviceIdentity
from longshore.tensors import Array

NAMES = ("libcudart.so.13", "libcudart.so.12")
_HOST_TO_DEVICE, _DEVICE_TO_HOST, _DEVICE_TO_DEVICE = 1, 2, 3
_NON_BLOCKING = 1
"""A stream that does not wait for the default stream."""
_BLOCKING_SYNC = 1
"""An event for which the host sleeps: one that spins eats the CPU quota of the container."""
_PCI_CHARACTERS = 32


class CudaError(RuntimeError):
    """A call of the runtime failed; the message has its number and its name."""


class HostMemory:
    """Page-locked; freed with this object."""

    def __init__(self, runtime: CudaRuntime, size: int) -> None:
        self._runtime = runtime
        self.address = runtime.allocate("cudaMallocHost", size)
        self.bytes: Array = np.empty(0, np.uint8)
        if size:
            buffer = (ctypes.c_uint8 * size).from_address(self.address)
            self.bytes = np.ctypeslib.as_array(buffer)

    def __del__(self) -> None:
        self._runtime.free("cudaFreeHost", getattr(self, "address", 0))


class GpuMemory:
    """Freed with this object; `cudaFree` waits for what still uses it."""

    def __init__(self, runtime: CudaRuntime, size: int) -> None:
        self._runtime = runtime
        self.size = size
        self.address = runtime.allocate("cudaMalloc", size)

    def __del__(self) -> None:
        self._runtime.free("cudaFree", getattr(self, "address", 0))


class CudaEvent:
    """A point in a stream; destroyed with this object, which does not wait for it."""

    def __init__(self, runtime: CudaRuntime) -> None:
        self._runtime = runtime
        self.handle = ctypes.c_void_p()
        runtime.call("cudaEventCreateWithFlags", ctypes.byref(self.handle), _BLOCKING_SYNC)

    def __del__(self) -> None:
        self._runtime.free("cudaEventDestroy", self.handle.value or 0)


class CudaRuntime:
    """One device, from any thread."""

    def __init__(self, index: int, *, library: Any = None) -> None:
        self.index = index
        self._library = library or find_library()

    def call(self, name: str, *arguments: Any) -> None:
        """Make `index` the thread's device and call.

        Raises:
            CudaError: what it returned is not success.
        """
        self._check("cudaSetDevice", self._library.cudaSetDevice(self.index))
        self._check(name, getattr(self._library, name)(*arguments))

    def create_stream(self) -> int:
        """The handle of a stream, which lives as long as the process."""
        stream = ctypes.c_void_p()
        self.call("cudaStreamCreateWithFlags", ctypes.byref(stream), _NON_BLOCKING)
        return stream.value or 0

    def record(self, stream: int) -> CudaEvent:
        event = CudaEvent(self)
        self.call("cudaEventRecord", event.handle, ctypes.c_void_p(stream))
        return event

    def wait(self, stream: int, event: CudaEvent) -> None:
        self.call("cudaStreamWaitEvent", ctypes.c_void_p(stream), event.handle, 0)

    def synchronize(self, event: CudaEvent) -> None:
        self.call("cudaEventSynchronize", event.handle)

    def elapsed_seconds(self, start: CudaEvent, end: CudaEvent) -> float:
        milliseconds = ctypes.c_float()
        self.call("cudaEventElapsedTime", ctypes.byref(milliseconds), start.handle, end.handle)
        return milliseconds.value / 1000.0

    def copy_in(self, source: int, target: int, size: int, stream: int) -> None:
        self._copy(source, target, size, _HOST_TO_DEVICE, stream)

    def copy_out(self, source: int, target: int, size: int, stream: int) -> None:
        self._copy(source, target, size, _DEVICE_TO_HOST, stream)

    def copy_within(self, source: int, target: int, size: int, stream: int) -> None:
        self._copy(source, target, size, _DEVICE_TO_DEVICE, stream)

    def memory(self) -> tuple[int, int]:
        """(free, total) bytes of the device, all processes considered."""
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self.call("cudaMemGetInfo", ctypes.byref(free), ctypes.byref(total))
        return free.value, total.value

    def identity(self) -> DeviceIdentity:
        bus = ctypes.create_string_buffer(_PCI_CHARACTERS)
        self.call("cudaDeviceGetPCIBusId", bus, _PCI_CHARACTERS, self.index)
        return DeviceIdentity(_device_name(self.index), bus.value.decode())

    def allocate(self, name: str, size: int) -> int:
        """The address of `size` bytes; 0 for none."""
        if size == 0:
            return 0
        address = ctypes.c_void_p()
        self.call(name, ctypes.byref(address), ctypes.c_size_t(size))
        return address.value or 0

    def free(self, name: str, address: int) -> None:
        """For destructors: what fails here has failed for good elsewhere."""
        if address:
            getattr(self._library, name)(ctypes.c_void_p(address))

    def _copy(self, source: int, target: int, size: int, kind: int, stream: int) -> None:
        if size:
            self.call(
                "cudaMemcpyAsync",
                ctypes.c_void_p(target),
                ctypes.c_void_p(source),
                ctypes.c_size_t(size),
                kind,
                ctypes.c_void_p(stream),
            )

    def _check(self, name: str, code: int) -> None:
        if code != 0:
            raise CudaError(f"CUDA error {code}: {_describe(self._library, code)} ({name})")


def device_count(library: Any = None) -> int:
    """Devices that the runtime sees.

    Raises:
        CudaError: there is no usable driver, or no device.
        OSError: there is no CUDA runtime.
    """
    library = library or find_library()
    count = ctypes.c_int()
    code = library.cudaGetDeviceCount(ctypes.byref(count))
    if code != 0:
        raise CudaError(f"CUDA error {code}: {_describe(library, code)}")
    return count.value


def find_library(open_library: Callable[..., Any] = ctypes.CDLL) -> Any:
    """The CUDA runtime: the one that is loaded already, else the newest that is installed.

    Raises:
        OSError: there is none.
    """
    for mode in (os.RTLD_NOLOAD | os.RTLD_NOW, os.RTLD_NOW):
        for name in NAMES:
            try:
                library = open_library(name, mode)
            except OSError:
                continue
            library.cudaGetErrorString.restype = ctypes.c_char_p
            return library
    raise OSError(f"no CUDA runtime is installed ({' or '.join(NAMES)})")


def _describe(library: Any, code: int) -> str:
    text = library.cudaGetErrorString(code)
    return text.decode() if isinstance(text, bytes) else "unknown"


def _device_name(index: int) -> str:
    """By the driver: the runtime has the name only in a struct that changes with its version."""
    name = ctypes.create_string_buffer(256)
    device = ctypes.c_int()
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "unknown"
    if driver.cuDeviceGet(ctypes.byref(device), index) or driver.cuDeviceGetName(name, 256, device):
        return "unknown"
    return name.value.decode()
