from __future__ import annotations

from types import SimpleNamespace

import pytest

from longshore.backends.base import Device
from longshore.backends.devices.identity import DeviceIdentity
from longshore.backends.devices.memory import DeviceMemory
from longshore.backends.devices.monitor import DeviceReading
from longshore.lifecycle.device_sampler import DeviceSampler

BUS = "00000000:01:00.0"


class FakeMonitor:
    def __init__(self, reading: DeviceReading) -> None:
        self.reading = reading

    def read(self) -> DeviceReading:
        return self.reading


@pytest.fixture
def backend():
    return SimpleNamespace(
        device=Device("cuda", 1),
        device_memory=lambda: DeviceMemory(used=10, reserved=20, free=70, total=100),
        device_identity=lambda: DeviceIdentity("Fake GPU", BUS),
    )


def sampled(metrics, backend, *, reading=None, fault=None, times=1):
    """Every device sample by name and labels, and how often a monitor was asked for."""
    opened = []

    def open_monitor(bus):
        opened.append(bus)
        return None if reading is None else FakeMonitor(reading)

    manager = SimpleNamespace(backend=backend, device_fault=fault)
    sampler = DeviceSampler(manager, metrics, open_monitor=open_monitor)
    for _ in range(times):
        sampler.sample()
    found = {
        (sample.name.removeprefix("longshore_device_"), *sample.labels.values()): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name.startswith("longshore_device_") and sample.labels
    }
    return found, opened


def test_memory_utilisation_and_throttling_are_told_by_device(metrics, backend):
    reading = DeviceReading(0.5, frozenset({"thermal"}))

    found, _ = sampled(metrics, backend, reading=reading)

    assert found == {
        ("memory_used_bytes", "cuda:1"): 10,
        ("memory_reserved_bytes", "cuda:1"): 20,
        ("memory_free_bytes", "cuda:1"): 70,
        ("memory_total_bytes", "cuda:1"): 100,
        ("utilization_ratio", "cuda:1"): 0.5,
        ("throttled", "cuda:1", "power"): 0,
        ("throttled", "cuda:1", "thermal"): 1,
        ("throttled", "cuda:1", "hardware"): 0,
    }


@pytest.mark.parametrize("reading", [None, DeviceReading(None, None)])
def test_without_nvml_the_memory_is_told_and_nvml_is_asked_for_once(metrics, backend, reading):
    found, opened = sampled(metrics, backend, reading=reading, times=3)

    assert {name for name, *_ in found} == {
        "memory_used_bytes", "memory_reserved_bytes", "memory_free_bytes", "memory_total_bytes",
    }  # fmt: skip
    assert opened == [BUS]


@pytest.mark.parametrize(
    ("device", "fault"),
    [(Device("cpu"), None), (Device("cuda"), "an illegal address"), (None, None)],
)
def test_a_cpu_a_lost_device_and_none_are_left_alone(metrics, backend, device, fault):
    backend.device = device

    found, opened = sampled(metrics, backend if device else None, fault=fault)

    assert (found, opened) == ({}, [])
