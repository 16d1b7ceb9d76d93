from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pynvml
import pytest

from longshore.backends.devices.monitor import DeviceReading, open_monitor


class FakeNvml:
    """The constants of NVML, and one device."""

    NVMLError = pynvml.NVMLError

    def __init__(self, *, events: int = 0, tells: bool = True) -> None:
        self._events = events
        self._tells = tells

    def __getattr__(self, name: str) -> object:
        return getattr(pynvml, name)

    def nvmlInit(self) -> None:  # noqa: N802
        pass

    def nvmlDeviceGetHandleByPciBusId(self, bus: bytes) -> str:  # noqa: N802
        assert bus == b"00000000:3b:00.0"
        return "handle"

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> SimpleNamespace:  # noqa: N802
        if not self._tells:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return SimpleNamespace(gpu=37)

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: str) -> int:  # noqa: N802
        if not self._tells:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return self._events


def read(**options: object) -> DeviceReading:
    monitor = open_monitor("00000000:3b:00.0", FakeNvml(**options))
    assert monitor is not None
    return monitor.read()


@pytest.mark.parametrize(
    ("events", "reasons"),
    [
        (0, set()),
        (pynvml.nvmlClocksEventReasonGpuIdle, set()),
        (pynvml.nvmlClocksEventReasonSwPowerCap, {"power"}),
        (pynvml.nvmlClocksEventReasonHwThermalSlowdown, {"thermal"}),
        (
            pynvml.nvmlClocksEventReasonHwSlowdown
            | pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown,
            {"hardware", "power"},
        ),
    ],
)
def test_what_holds_the_clocks_down_is_told_by_its_cause(events, reasons):
    assert read(events=events) == DeviceReading(0.37, frozenset(reasons))


def test_what_a_device_does_not_tell_is_left_out():
    assert read(tells=False) == DeviceReading(None, None)


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has a driver")
def test_a_machine_without_a_driver_has_no_monitor_and_says_why(caplog):
    caplog.set_level("INFO")

    assert open_monitor("00000000:3b:00.0") is None

    assert "no utilisation of the GPU: NVML: NVML Shared Library Not Found" in caplog.text
