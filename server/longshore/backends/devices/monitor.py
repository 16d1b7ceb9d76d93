"""What NVML says of a GPU beside its memory: how busy it is, and what holds its clocks down.

NVML comes with the driver and is read by the optional package nvidia-ml-py; without either, and for
what a device does not tell (a MIG slice has no utilisation of its own), nothing is said.
https://docs.nvidia.com/deploy/nvml-api
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from typing import Any

from msgspec import Struct

logger = logging.getLogger(__name__)

THROTTLE_REASONS = ("power", "thermal", "hardware")
_REASON_NAMES = {
    "power": ("nvmlClocksEventReasonSwPowerCap", "nvmlClocksEventReasonHwPowerBrakeSlowdown"),
    "thermal": (
        "nvmlClocksEventReasonSwThermalSlowdown",
        "nvmlClocksEventReasonHwThermalSlowdown",
    ),
    "hardware": ("nvmlClocksEventReasonHwSlowdown",),
}


class DeviceReading(Struct, frozen=True):
    utilization: float | None
    """Share of the driver's last sample period in which something ran on the device, 0 to 1."""
    throttled: frozenset[str] | None
    """Those of `THROTTLE_REASONS` that hold the clocks down now; `None` when it is not told."""


class DeviceMonitor:
    """One device, by its handle in NVML."""

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml = nvml
        self._handle = handle
        self._masks = {
            reason: sum(getattr(nvml, name) for name in names)
            for reason, names in _REASON_NAMES.items()
        }

    def read(self) -> DeviceReading:
        nvml = self._nvml
        rates = self._told(nvml.nvmlDeviceGetUtilizationRates)
        events = self._told(nvml.nvmlDeviceGetCurrentClocksEventReasons)
        return DeviceReading(
            None if rates is None else rates.gpu / 100.0,
            None
            if events is None
            else frozenset(reason for reason, mask in self._masks.items() if events & mask),
        )

    def _told(self, ask: Callable[[Any], Any]) -> Any:
        try:
            return ask(self._handle)
        except self._nvml.NVMLError:
            return None


def open_monitor(pci_bus_id: str, nvml: Any = None) -> DeviceMonitor | None:
    """The monitor of a device; `None`, with the reason in the log, where there cannot be one."""
    try:
        nvml = nvml or importlib.import_module("pynvml")
    except ModuleNotFoundError:
        logger.info("no utilisation of the GPU: nvidia-ml-py is not installed")
        return None
    try:
        nvml.nvmlInit()
        return DeviceMonitor(nvml, nvml.nvmlDeviceGetHandleByPciBusId(pci_bus_id.encode()))
    except nvml.NVMLError as error:
        logger.info("no utilisation of the GPU: NVML: %s", error)
        return None
