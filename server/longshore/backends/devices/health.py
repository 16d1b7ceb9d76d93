"""Whether the accelerator still works, and what an error of its driver or libraries means.

A sticky CUDA error poisons the context of the process: every later call fails too, and only a new
process gets a working device (CUDA runtime API, `cudaError`: "the process must be terminated and
relaunched"). Running out of memory is not sticky.
"""

from __future__ import annotations

import logging
import re

from longshore.errors import DeviceLost, LongshoreError, OutOfDeviceMemory

logger = logging.getLogger(__name__)

_OUT_OF_MEMORY = re.compile(
    r"out of memory|cudaErrorMemoryAllocation|CUDA(?: failure| error)? 2:"
    r"|Failed to allocate memory for requested buffer"
    r"|Available memory of \d+ is smaller than requested"
    r"|CU(?:BLAS|DNN|SOLVER|FFT)_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)
_STICKY = re.compile(
    r"illegal memory access|illegal address|misaligned address|illegal instruction"
    r"|unspecified launch failure|launch timed out|device-side assert"
    r"|hardware stack error|invalid program counter|invalid address space"
    r"|uncorrectable (?:ECC|NVLink) error|uncorrectable.{0,20}ECC"
    r"|GPU (?:is lost|has fallen off)|contained memory error|context is destroyed"
    r"|cudaErrorIllegalAddress|cudaErrorLaunchFailure|cudaErrorECCUncorrectable"
    r"|CUDA(?: failure| error)? (?:214|220|226|700|702|709|710|714|715|716|717|718|719):",
    re.IGNORECASE,
)


class DeviceHealth:
    """Set once, never taken back; read from any thread."""

    def __init__(self) -> None:
        self.fault: str | None = None
        """Why the device cannot be used by this process any more."""

    def lose(self, reason: str) -> None:
        """Note the first sticky error; those that follow are its echo."""
        if self.fault is None:
            self.fault = reason
            logger.critical("the device is lost, this process has to end: %s", reason)

    def check(self) -> None:
        """Raises `DeviceLost` once the device is; nothing is sent to it any more."""
        if self.fault is not None:
            raise DeviceLost(f"the device is lost: {self.fault}")


def device_error(error: Exception, message: str, health: DeviceHealth) -> LongshoreError | None:
    """What `error` means when it is the device's; `None` when it is the model's.

    Sticky errors are noted in `health`. The words are matched because torch and onnxruntime carry
    the CUDA code nowhere else.
    """
    text = f"{type(error).__name__}: {error}"
    if _STICKY.search(text):
        health.lose(message)
        return DeviceLost(f"the device is lost: {message}")
    if type(error).__name__ == "OutOfMemoryError" or _OUT_OF_MEMORY.search(text):
        return OutOfDeviceMemory(message)
    return None
