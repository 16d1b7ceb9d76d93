"""A GPU's metrics, gathered off every path that anybody waits on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from longshore.backends.base import Backend
from longshore.backends.devices.monitor import THROTTLE_REASONS, DeviceMonitor, open_monitor
from longshore.lifecycle.served_versions import ServedVersions
from longshore.metrics import ServerMetrics

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 5.0


class DeviceSampler:
    """Asks on a thread of its own: a driver that hangs then hangs neither requests nor scrapes."""

    def __init__(
        self,
        served: ServedVersions,
        metrics: ServerMetrics,
        *,
        open_monitor: Callable[[str], DeviceMonitor | None] = open_monitor,
    ) -> None:
        self._served = served
        self._metrics = metrics
        self._open_monitor = open_monitor
        self._monitor: DeviceMonitor | None = None
        self._is_open = False
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="device-sampler", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def sample(self) -> None:
        """Read once what is served from a GPU; a device that is lost is left alone."""
        backend = self._served.backend
        if backend is None or backend.device.kind == "cpu" or self._served.device_fault:
            return
        device = str(backend.device)
        memory = backend.device_memory()
        if memory is not None:
            self._metrics.device_memory_used.labels(device).set(memory.used)
            self._metrics.device_memory_reserved.labels(device).set(memory.reserved)
            self._metrics.device_memory_free.labels(device).set(memory.free)
            self._metrics.device_memory_total.labels(device).set(memory.total)
        self._read_monitor(backend, device)

    def _read_monitor(self, backend: Backend, device: str) -> None:
        if not self._is_open:
            identity = backend.device_identity()
            self._monitor = None if identity is None else self._open_monitor(identity.pci_bus_id)
            self._is_open = True
        if self._monitor is None:
            return
        reading = self._monitor.read()
        if reading.utilization is not None:
            self._metrics.device_utilization.labels(device).set(reading.utilization)
        if reading.throttled is not None:
            for reason in THROTTLE_REASONS:
                throttled = float(reason in reading.throttled)
                self._metrics.device_throttled.labels(device, reason).set(throttled)

    def _run(self) -> None:
        while not self._stopped.wait(INTERVAL_SECONDS):
            try:
                self.sample()
            except Exception as error:  # a version may be closed, or the device lost, meanwhile
                logger.debug("the device was not sampled: %s", error)
