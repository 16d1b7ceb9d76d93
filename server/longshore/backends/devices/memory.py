"""Bytes of a device's memory."""

from __future__ import annotations

from msgspec import Struct

HEADROOM = 0.1
"""Share of the memory that stays free at the largest batch, for fragments and other sizes."""

_MIB = 1024 * 1024


class DeviceMemory(Struct, frozen=True):
    """In bytes. `used` is by tensors, `reserved` what the process keeps for them and more."""

    used: int
    reserved: int
    free: int
    """What the process could still take, other processes on the device and its limit considered."""
    total: int
    """Of the device, or the limit that the process was given."""

    @property
    def has_headroom(self) -> bool:
        """Whether enough is free for executions to vary.

        What is reserved and unused does not count: it is what the executions so far needed at
        their peak, or belongs to a CUDA graph.
        """
        return self.free >= HEADROOM * self.total

    def __str__(self) -> str:
        return (
            f"{self.used // _MIB} MiB used, {self.reserved // _MIB} MiB reserved, "
            f"{self.free // _MIB} of {self.total // _MIB} MiB free"
        )
