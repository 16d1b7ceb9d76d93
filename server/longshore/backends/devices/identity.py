"""Which device a model runs on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """As the driver tells it."""

    name: str
    """For example `NVIDIA H100 80GB HBM3`; what was measured on one holds for no other."""
    pci_bus_id: str
    """`domain:bus:device.function`, by which NVML knows it; a MIG slice has that of its GPU."""
