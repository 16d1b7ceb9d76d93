from __future__ import annotations

import numpy as np
import pytest

from longshore.backends.base import Device
from longshore.backends.cuda.graphs import BucketGraphs
from longshore.backends.cuda.runner import CudaRunner
from longshore.backends.devices.identity import DeviceIdentity
from longshore.backends.devices.memory import DeviceMemory
from longshore.backends.framework_backend import FrameworkBackend
from longshore.errors import DeviceLost, InferenceFailed, OutOfDeviceMemory
from longshore.tensors import Datatype, Signature, TensorSpec
from tests.backends.cuda.fake_device import FakeDevice
from tests.backends.cuda.fake_graphs import FakeGraphs

SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 3)),), (TensorSpec("y", Datatype.FP32, (-1, 3)),)
)


def double(inputs):
    return {"y": inputs["x"] * 2}


def batch(rows: int) -> dict[str, np.ndarray]:
    return {"x": np.ones((rows, 3), np.float32)}


class FakeFrameworkDevice:
    def __init__(self) -> None:
        self.releases = 0

    def memory(self) -> DeviceMemory:
        return DeviceMemory(used=1, reserved=2, free=3, total=4)

    def identity(self) -> DeviceIdentity:
        return DeviceIdentity("Fake GPU", "00000000:01:00.0")

    def release_unused(self) -> None:
        self.releases += 1

    def close(self) -> None:
        pass


class ArraysAtOnce(FakeDevice):
    """The graphs of the tests take arrays."""

    def send_now(self, inputs):
        return inputs


class FakeCudaBackend(FrameworkBackend):
    platform = framework = "fake"
    signature = SIGNATURE

    def __init__(self, streams: FakeDevice, graphs: BucketGraphs | None = None) -> None:
        self.device = Device("cuda")
        self.used = FakeFrameworkDevice()
        self.use(CudaRunner(self.used, streams, graphs))

    @classmethod
    def load(cls, artifact, *, config, device, threads):
        raise NotImplementedError

    def compute(self, inputs, output_names):
        raise AssertionError("the CPU was not asked for")


def test_what_is_prepared_is_captured_and_told():
    backend = FakeCudaBackend(ArraysAtOnce(double), BucketGraphs(FakeGraphs(double)))

    backend.prepare(batch(4))
    backend.prepare(batch(2))

    assert backend.describe() == {"cuda_graph_rows": [2, 4]}
    backend.limit_rows(2)
    assert backend.describe() == {"cuda_graph_rows": [2]}


def test_a_backend_on_a_device_executes_measures_and_says_what_it_has():
    backend = FakeCudaBackend(FakeDevice(double, compute_seconds=0.02))

    assert backend.pipeline_depth == 2
    np.testing.assert_array_equal(backend.execute(batch(3), ("y",))["y"], batch(3)["x"] * 2)
    assert backend.device_seconds(batch(3), ("y",)) == pytest.approx(0.02)
    assert str(backend.device_memory()) == "0 MiB used, 0 MiB reserved, 0 of 0 MiB free"
    assert backend.device_identity().name == "Fake GPU"
    backend.close()
    assert backend.device_memory() is None


def test_a_sticky_error_is_the_end_for_all_that_runs_on_the_device():
    streams = FakeDevice(double)
    backend = FakeCudaBackend(streams)
    finish = backend.begin(batch(2), ("y",))
    streams.synchronize_error = RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(DeviceLost, match="illegal memory access"):
        finish()

    streams.synchronize_error = None
    launched = streams.asked("launch")
    with pytest.raises(DeviceLost):
        backend.execute(batch(2), ("y",))
    assert streams.asked("launch") == launched, "nothing is sent to it any more"


def test_want_of_memory_is_told_after_what_is_kept_unused_was_given_back():
    streams = FakeDevice(double)
    backend = FakeCudaBackend(streams)
    streams.launch_error = RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")

    with pytest.raises(OutOfDeviceMemory, match="fake: CUDA out of memory"):
        backend.execute(batch(2), ("y",))

    assert backend.used.releases == 1
    streams.launch_error = None
    assert backend.execute(batch(2), ("y",))["y"].shape == (2, 3)


def test_an_error_of_the_model_is_not_the_devices():
    streams = FakeDevice(double)
    streams.launch_error = ValueError("shapes\n  do not fit")

    with pytest.raises(InferenceFailed, match="fake: shapes do not fit"):
        FakeCudaBackend(streams).execute(batch(2), ("y",))


def test_a_device_that_cannot_even_tell_its_memory_is_lost(monkeypatch):
    backend = FakeCudaBackend(FakeDevice(double))

    def memory(self):
        raise RuntimeError("CUDA error: uncorrectable ECC error encountered")

    monkeypatch.setattr(FakeFrameworkDevice, "memory", memory)

    with pytest.raises(DeviceLost, match="ECC"):
        backend.device_memory()
    assert backend.device.health.fault is not None
