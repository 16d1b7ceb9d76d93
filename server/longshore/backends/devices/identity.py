"""Which device a model runs on."""

from __future__ import annotations

from msgspec import Struct


class DeviceIdentity(Struct, frozen=True):
    """As the driver tells it."""

    name: str
    """For example `NVIDIA H100 80GB HBM3`; what was measured on one holds for no other."""
    pci_bus_id: str
    """`domain:bus:device.function`, by which NVML knows it; a MIG slice has that of its GPU."""
