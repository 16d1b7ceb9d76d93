from __future__ import annotations

import numpy as np
import pytest

from longshore.backends.base import Backend, CudaOptions, Device
from longshore.errors import DeviceLost, OutOfDeviceMemory
from longshore.loading.measurement import acceleration
from longshore.loading.measurement.acceleration import Trial, objection
from longshore.tensors import Datatype, Signature, TensorSpec

SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 2)),), (TensorSpec("y", Datatype.FP32, (-1, 2)),)
)
INPUTS = {"x": np.array([[0.5, -4.0], [2.0, np.inf]], np.float32)}


class ScaledBackend(Backend):
    """Multiplies by `factor`, in `seconds`."""

    platform = "scaled"
    signature = SIGNATURE

    def __init__(self, options: CudaOptions, factor: float, seconds: float, error=None) -> None:
        self.device = Device("cuda", options=options)
        self._factor = np.float32(factor)
        self._seconds = seconds
        self._error = error

    @classmethod
    def load(cls, artifact, *, config, device, threads):
        raise NotImplementedError

    def execute(self, inputs, output_names):
        if self._error is not None:
            raise self._error
        return {"y": inputs["x"] * self._factor}

    def device_seconds(self, inputs, output_names):
        return self._seconds


PLAIN = Trial(ScaledBackend(CudaOptions(), 1.0, 0.010), INPUTS)
HALF = CudaOptions(precision="fp16")


def test_what_is_faster_and_right_is_kept():
    fast = ScaledBackend(HALF, 1.005, 0.004)

    assert objection(PLAIN, lambda: fast, INPUTS) == ""


@pytest.mark.parametrize(
    ("options", "factor", "seconds", "reason"),
    [
        (HALF, 1.02, 0.004, "answers differ by 0.02, above the tolerance of 0.01"),
        (CudaOptions(compiles=True), 1.005, 0.004, "answers differ by 0.005, above"),
        (HALF, 1.0, 0.010, "it takes 0.01 s, and 0.01 s without"),
        (HALF, np.nan, 0.004, "answers differ by inf"),
    ],
)
def test_what_is_wrong_or_no_faster_is_not(options, factor, seconds, reason):
    found = objection(PLAIN, lambda: ScaledBackend(options, factor, seconds), INPUTS)

    assert found.startswith(reason)


def test_what_does_not_run_is_not_kept_and_a_lost_device_is_no_objection():
    tight = ScaledBackend(HALF, 1.0, 0.004, OutOfDeviceMemory("out of memory"))
    assert objection(PLAIN, lambda: tight, INPUTS) == "it does not run: out of memory"

    lost = ScaledBackend(HALF, 1.0, 0.004, DeviceLost("gone"))
    with pytest.raises(DeviceLost):
        objection(PLAIN, lambda: lost, INPUTS)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (CudaOptions(compiles=True), "compiled"),
        (CudaOptions(precision="bf16"), "in bf16"),
        (CudaOptions(precision="tf32", compiles=True), "compiled in tf32"),
    ],
)
def test_the_note_says_what_was_asked_for(options, name):
    assert acceleration.name(options) == name
