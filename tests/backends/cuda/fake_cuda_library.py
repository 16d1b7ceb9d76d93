"""`libcudart` as ctypes would call it, over host memory: every call does its work at once, and what
is timed takes less time each time.
"""

from __future__ import annotations

import ctypes
from typing import Any


class FakeCudaLibrary:
    """`calls` are the names in order; `codes` makes the next call of a name fail."""

    def __init__(self, devices: int = 1) -> None:
        self.devices = devices
        self.calls: list[str] = []
        self.codes: dict[str, int] = {}
        self._memory: dict[int, Any] = {}
        self._handles = 100
        self._timings = 0

    @property
    def live_allocations(self) -> int:
        return len(self._memory)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("cuda"):
            raise AttributeError(name)

        def call(*arguments: Any) -> Any:
            self.calls.append(name)
            if name in self.codes:
                return self.codes.pop(name)
            work = getattr(self, f"_{name}", None)
            result = work(*arguments) if work else None
            return 0 if result is None else result

        return call

    def _cudaGetErrorString(self, code: int) -> bytes:  # noqa: N802
        return {2: b"out of memory", 700: b"an illegal memory access was encountered"}[code]

    def _cudaGetDeviceCount(self, count: Any) -> None:  # noqa: N802
        count._obj.value = self.devices

    def _cudaMalloc(self, pointer: Any, size: Any) -> None:  # noqa: N802
        buffer = ctypes.create_string_buffer(size.value)
        pointer._obj.value = ctypes.addressof(buffer)
        self._memory[pointer._obj.value] = buffer

    _cudaMallocHost = _cudaMalloc  # noqa: N815

    def _cudaFree(self, pointer: Any) -> None:  # noqa: N802
        del self._memory[pointer.value]

    _cudaFreeHost = _cudaFree  # noqa: N815

    def _create(self, handle: Any, flags: int) -> None:
        assert flags == 1, "streams that do not block, events that let the host sleep"
        self._handles += 1
        handle._obj.value = self._handles

    _cudaStreamCreateWithFlags = _cudaEventCreateWithFlags = _create  # noqa: N815

    def _cudaMemcpyAsync(self, target, source, size, kind, stream) -> None:  # noqa: N802
        assert kind in (1, 2, 3)
        assert stream.value > 100
        ctypes.memmove(target, source, size.value)

    def _cudaEventElapsedTime(self, milliseconds, start, end) -> None:  # noqa: N802
        self._timings += 1
        milliseconds._obj.value = 1000.0 * (end.value - start.value) / self._timings

    def _cudaMemGetInfo(self, free, total) -> None:  # noqa: N802
        free._obj.value, total._obj.value = 60, 80

    def _cudaDeviceGetPCIBusId(self, text, size, index) -> None:  # noqa: N802
        text.value = b"0000:3B:00.0"
