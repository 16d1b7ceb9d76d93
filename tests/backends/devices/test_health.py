from __future__ import annotations

from pathlib import Path

import pytest

from longshore.backends.base import Device
from longshore.backends.devices.health import DeviceHealth, device_error
from longshore.backends.framework_backend import load_failure
from longshore.errors import DeviceLost, ModelLoadError, NoDeviceMemory, OutOfDeviceMemory

STICKY = [
    "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be ...",
    "CUDA error: unspecified launch failure",
    "CUDA error: uncorrectable ECC error encountered",
    "CUDA error: device-side assert triggered",
    "CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; hostname=a",
    "CUDA failure 719: unspecified launch failure ; GPU=0",
    "CUDA error: misaligned address",
]
OUT_OF_MEMORY = [
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.1 GiB",
    "Failed to allocate memory for requested buffer of size 4294967296",
    "CUDA failure 2: out of memory ; GPU=0",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
]


@pytest.mark.parametrize("message", STICKY)
def test_a_sticky_error_loses_the_device_for_good(message):
    health = DeviceHealth()
    health.check()

    assert isinstance(device_error(RuntimeError(message), message, health), DeviceLost)

    with pytest.raises(DeviceLost, match="the device is lost"):
        health.check()


@pytest.mark.parametrize("message", OUT_OF_MEMORY)
def test_running_out_of_memory_does_not(message):
    health = DeviceHealth()

    assert isinstance(device_error(RuntimeError(message), message, health), OutOfDeviceMemory)

    health.check()


@pytest.mark.parametrize(
    "message",
    ["mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)", "index 7000: out of range",
     "CUDA error: invalid argument", "CUDA error 1: invalid argument"],
)  # fmt: skip
def test_any_other_error_is_the_models(message):
    health = DeviceHealth()

    assert device_error(RuntimeError(message), message, health) is None
    assert health.fault is None


def test_the_first_fault_is_the_one_that_is_told():
    health = DeviceHealth()
    health.lose("first")
    health.lose("its echo")

    assert health.fault == "first"


@pytest.mark.parametrize("message", OUT_OF_MEMORY)
def test_a_model_that_does_not_load_for_want_of_its_memory_says_so_by_its_kind(message):
    error = load_failure(Path("m.onnx"), RuntimeError(message), message, Device("cuda"))

    assert isinstance(error, NoDeviceMemory)
    assert message in str(error)


def test_one_that_does_not_load_for_another_reason_does_not():
    error = load_failure(Path("m.onnx"), RuntimeError("no such op"), "no such op", Device("cuda"))

    assert type(error) is ModelLoadError
