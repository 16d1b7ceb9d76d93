"""Loading for a GPU, which a backend in numpy simulates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pytest

from longshore.backends.base import Backend, CudaOptions, Device
from longshore.backends.devices import selection
from longshore.backends.devices.identity import DeviceIdentity
from longshore.backends.devices.memory import DeviceMemory
from longshore.errors import InferenceFailed, ModelLoadError
from longshore.execution.model import Model
from longshore.lifecycle.warmup import warm_up
from longshore.loading import backend_pool
from longshore.loading.plan import batch_buckets
from longshore.tensors import Datatype, Signature, TensorSpec

SIGNATURE = Signature(
    (TensorSpec("ids", Datatype.INT64, (-1, 4)),), (TensorSpec("y", Datatype.FP32, (-1, 4)),)
)
VOCABULARY = 50
SECONDS = {"float32": 0.010, "tf32": 0.006, "fp16": 0.004, "bf16": 0.012}
"""Of an execution without its rows, by precision."""


class FakeGpuBackend(Backend):
    """An embedding; on the CPU a wrong index is an exception, on the GPU the device is gone."""

    platform = "fake"
    signature = SIGNATURE
    opened: ClassVar[list[FakeGpuBackend]] = []

    def __init__(self, device: Device) -> None:
        self.device = device
        self.prepared: list[int] = []
        self.largest: int | None = None
        self.is_closed = False
        self.opened.append(self)

    @classmethod
    def load(cls, artifact, *, config, device, threads):
        return cls(device)

    @classmethod
    def cuda_problem(cls, index=0):
        return None

    def prepare(self, inputs):
        self.prepared.append(len(inputs["ids"]))

    def limit_rows(self, rows):
        self.largest = rows

    def execute(self, inputs, output_names):
        self.device.health.check()
        if (inputs["ids"] >= VOCABULARY).any():
            if self.device.kind == "cpu":
                raise InferenceFailed("index out of range")
            self.device.health.lose("device-side assert triggered")
            self.device.health.check()
        answer = np.sqrt(inputs["ids"].astype(np.float32))
        return {"y": answer * np.float32(1.001 if self.device.options.precision == "fp16" else 1)}

    def device_seconds(self, inputs, output_names):
        return SECONDS[self.device.options.precision] + len(inputs["ids"]) * 1e-4

    def device_memory(self):
        return DeviceMemory(used=10, reserved=10, free=90, total=100)

    def device_identity(self):
        return DeviceIdentity("Fake GPU", "00000000:01:00.0")

    def close(self):
        self.is_closed = True


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[FakeGpuBackend]]:
    def create(verified, *, config, device, threads):
        return FakeGpuBackend.load(verified, config=config, device=device, threads=threads)

    monkeypatch.setattr(selection, "find_backend_class", lambda format: FakeGpuBackend)
    monkeypatch.setattr(backend_pool, "create_backend", create)
    FakeGpuBackend.opened.clear()
    yield FakeGpuBackend.opened
    FakeGpuBackend.opened.clear()


def test_inputs_are_tried_on_the_cpu_first_for_a_wrong_index_costs_the_device(
    load_identity, opened
):
    loaded = load_identity(device="cuda")

    assert loaded.plan.is_batched
    assert loaded.backends[0].device.health.fault is None
    assert [backend.device.kind for backend in opened] == ["cuda", "cpu"]
    assert opened[1].is_closed


def test_a_model_that_no_cpu_runs_is_tried_with_the_safest_integers(load_identity, monkeypatch):
    def load(artifact, *, config, device, threads):
        if device.kind == "cpu":
            raise ModelLoadError("half precision is not for a CPU")
        return FakeGpuBackend(device)

    monkeypatch.setattr(FakeGpuBackend, "load", load)

    loaded = load_identity(device="cuda")

    assert loaded.maker.make(64, seed=1)["ids"].max() == 1
    assert loaded.plan.is_batched


def test_the_batch_keeps_the_bound_that_a_gpu_has_by_default(load_identity):
    loaded = load_identity(device="cuda", calibration_budget_seconds=60)

    assert loaded.plan.max_batch_size == 512, "1024 rows would take 0.11 s"
    assert any("above the bound of 0.1 s" in note for note in loaded.plan.notes)
    assert loaded.backends[0].largest == 512


def test_a_gpu_is_warmed_at_every_bucket(load_identity):
    loaded = load_identity(device="cuda", max_batch_size=12)
    backend = loaded.backends[0]
    backend.prepared.clear()

    warm_up(loaded)

    assert backend.prepared == [1, 2, 4, 8, 12]


@pytest.mark.parametrize(
    ("rows", "buckets"), [(1, [1]), (2, [1, 2]), (5, [1, 2, 4, 5]), (8, [1, 2, 4, 8])]
)
def test_the_buckets_are_the_powers_of_two_and_the_largest_batch(rows, buckets):
    assert batch_buckets(rows) == buckets


def test_a_precision_that_is_faster_and_right_is_kept(load_identity, opened):
    loaded = load_identity(device="cuda", cuda=CudaOptions(precision="fp16"))

    assert loaded.backends[0].device.options.precision == "fp16"
    open_ones = [backend for backend in opened if not backend.is_closed]
    assert open_ones == loaded.backends, "never both at once"


def test_a_precision_that_is_no_faster_is_not_kept_and_the_notes_say_so(load_identity, opened):
    loaded = load_identity(device="cuda", cuda=CudaOptions(precision="bf16"))

    assert loaded.backends[0].device.options.precision == "float32"
    assert any(note.startswith("not in bf16: it takes ") for note in loaded.plan.notes)
    assert [backend for backend in opened if not backend.is_closed] == loaded.backends


def test_a_measurement_of_one_gpu_and_precision_holds_for_no_other(
    load_identity, tmp_path, monkeypatch
):
    cache = tmp_path / "cache"

    def source(precision="float32"):
        options = CudaOptions(precision=precision)
        loaded = load_identity(device="cuda", cuda=options, calibration_cache=cache)
        return loaded.plan.source

    assert (source(), source(), source("fp16")) == ("measured", "cached", "measured")
    monkeypatch.setattr(
        FakeGpuBackend, "device_identity", lambda self: DeviceIdentity("Other GPU", "")
    )
    assert source() == "measured"


def test_a_precision_that_was_kept_is_taken_up_again_without_a_comparison(
    load_identity, tmp_path, opened
):
    options = {"device": "cuda", "cuda": CudaOptions(precision="tf32")}
    first = load_identity(**options, calibration_cache=tmp_path / "cache")
    opened.clear()
    second = load_identity(**options, calibration_cache=tmp_path / "cache")

    assert second.plan.source == "cached"
    assert second.plan.notes == first.plan.notes
    assert [backend.device.options.precision for backend in opened] == ["tf32"]


def test_a_precision_that_was_not_kept_is_not_tried_again(load_identity, tmp_path, opened):
    options = {"device": "cuda", "cuda": CudaOptions(precision="bf16")}
    load_identity(**options, calibration_cache=tmp_path / "cache")
    opened.clear()
    second = load_identity(**options, calibration_cache=tmp_path / "cache")

    assert [backend.device.options.precision for backend in opened] == ["float32"]
    assert any(note.startswith("not in bf16: it takes ") for note in second.plan.notes)


async def test_the_metadata_says_which_device_and_how_it_is_used(load_identity, metrics):
    model = Model(load_identity(device="cuda"), metrics, max_queue_seconds=1.0)

    assert (
        model.describe()
        | {
            "device": "cuda:0",
            "device_name": "Fake GPU",
            "device_memory_when_loaded": "0 MiB used, 0 MiB reserved, 0 of 0 MiB free",
            "precision": "float32",
            "compiled": False,
        }
        == model.describe()
    )
