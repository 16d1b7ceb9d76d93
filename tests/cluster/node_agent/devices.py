"""The node's GPUs, which are only numbers here, each lent to one container at a time."""

from __future__ import annotations

import threading

from tests.cluster.node_agent.api import Json

GPU_RESOURCE = "nvidia.com/gpu"


class Gpus:
    """Hands out device numbers; the scheduler keeps the sum within the capacity."""

    def __init__(self, capacity: dict[str, str]) -> None:
        self._free = [str(index) for index in range(int(capacity.get(GPU_RESOURCE, 0)))]
        self._lock = threading.Lock()

    def take(self, container: Json) -> list[str]:
        """As many devices as the container's limit asks for; IndexError when they are out."""
        limits = (container.get("resources") or {}).get("limits") or {}
        with self._lock:
            return [self._free.pop(0) for _ in range(int(limits.get(GPU_RESOURCE, 0)))]

    def give_back(self, devices: list[str]) -> None:
        with self._lock:
            self._free.extend(devices)


def environment(devices: list[str]) -> dict[str, str]:
    """What a device plugin sets for a container that holds these devices."""
    listed = ",".join(devices)
    return {"NVIDIA_VISIBLE_DEVICES": listed, "CUDA_VISIBLE_DEVICES": listed} if devices else {}
