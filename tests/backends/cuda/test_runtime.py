from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import pytest

from longshore.backends.cuda.runtime import (
    CudaError,
    CudaRuntime,
    GpuMemory,
    HostMemory,
    device_count,
    find_library,
)
from tests.backends.cuda.fake_cuda_library import FakeCudaLibrary


@pytest.fixture
def library() -> FakeCudaLibrary:
    return FakeCudaLibrary()


def test_every_call_is_made_on_the_device_whatever_the_thread_had_before(library):
    runtime = CudaRuntime(3, library=library)

    runtime.wait(runtime.create_stream(), runtime.record(runtime.create_stream()))

    made = [name for name in library.calls if name not in ("cudaSetDevice", "cudaEventDestroy")]
    assert made[-1] == "cudaStreamWaitEvent"
    assert library.calls.count("cudaSetDevice") == len(made)


def test_memory_is_given_back_with_its_last_reference(library):
    runtime = CudaRuntime(0, library=library)
    pinned, memory = HostMemory(runtime, 8), GpuMemory(runtime, 8)
    assert library.live_allocations == 2

    pinned.bytes[:] = 7
    runtime.copy_in(pinned.address, memory.address, 8, runtime.create_stream())
    assert ctypes.string_at(memory.address, 8) == b"\x07" * 8

    del pinned, memory
    assert library.live_allocations == 0


def test_nothing_is_allocated_or_copied_for_no_bytes(library):
    runtime = CudaRuntime(0, library=library)

    pinned, memory = HostMemory(runtime, 0), GpuMemory(runtime, 0)
    runtime.copy_out(memory.address, pinned.address, 0, 1)

    assert pinned.bytes.size == 0
    assert "cudaMemcpyAsync" not in library.calls
    assert library.live_allocations == 0


def test_an_error_says_its_number_its_name_and_the_call(library):
    runtime = CudaRuntime(0, library=library)
    library.codes["cudaMalloc"] = 2

    with pytest.raises(CudaError, match=r"CUDA error 2: out of memory \(cudaMalloc\)"):
        GpuMemory(runtime, 8)

    assert library.live_allocations == 0


def test_what_the_device_tells_of_itself(library):
    runtime = CudaRuntime(0, library=library)
    start = runtime.record(1)

    assert runtime.memory() == (60, 80)
    assert runtime.identity().pci_bus_id == "0000:3B:00.0"
    assert runtime.elapsed_seconds(start, runtime.record(1)) == 1.0
    assert device_count(library) == 1


def test_the_runtime_that_is_loaded_already_is_preferred():
    asked = []

    def open_library(name, mode):
        asked.append(name)
        if name != "libcudart.so.12":
            raise OSError(name)
        return FakeCudaLibrary()

    find_library(open_library)

    assert asked == ["libcudart.so.13", "libcudart.so.12"]


def test_a_machine_without_cuda_says_so():
    def open_library(name, mode):
        raise OSError(name)

    with pytest.raises(OSError, match=r"no CUDA runtime is installed \(libcudart\.so\.13 or"):
        find_library(open_library)


def test_the_real_library_has_every_call_and_tells_of_a_missing_driver():
    paths = [Path(entry) / "nvidia/cu13/lib/libcudart.so.13" for entry in sys.path]
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        pytest.skip("the CUDA runtime is not installed")
    library = ctypes.CDLL(str(path))
    library.cudaGetErrorString.restype = ctypes.c_char_p
    fake = FakeCudaLibrary()
    runtime = CudaRuntime(0, library=fake)
    start = runtime.record(runtime.create_stream())
    runtime.wait(1, start)
    runtime.synchronize(start)
    runtime.elapsed_seconds(start, start)
    runtime.memory()
    runtime.identity()
    pinned, memory = HostMemory(runtime, 1), GpuMemory(runtime, 1)
    runtime.copy_in(pinned.address, memory.address, 1, 101)
    del pinned, memory, start

    assert [name for name in set(fake.calls) if not hasattr(library, name)] == []
    if not Path("/dev/nvidia0").exists():
        with pytest.raises(CudaError, match=r"CUDA error \d+: .*(driver|device)"):
            device_count(library)
