from __future__ import annotations

import pytest

from longshore.backends.base import Backend, CudaOptions
from longshore.backends.devices import selection
from longshore.backends.devices.health import DeviceHealth
from longshore.backends.devices.selection import resolve_device
from longshore.errors import ModelLoadError
from longshore.repository.layout import ArtifactFormat

MIG = "MIG-5c9a1d1e-6a3f-5d22-9b1c-2f2d7f0f1a11"
GPU = "GPU-8f6a2c1e-0000-1111-2222-333344445555"


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many devices the backend finds, in one element."""
    found = [1]

    class FakeBackend(Backend):
        @classmethod
        def cuda_problem(cls, index=0):
            return None if index < found[0] else f"fake finds {found[0]} CUDA devices"

    monkeypatch.setattr(selection, "find_backend_class", lambda format: FakeBackend)
    return found


def resolve(name, environ=None, **options):
    environ = {} if environ is None else environ
    return resolve_device(name, format=ArtifactFormat.ONNX, environ=environ, **options)


@pytest.mark.parametrize(
    ("name", "found"),
    [("cpu", "cpu"), ("cuda", "cuda:0"), ("cuda:1", "cuda:1"), ("auto", "cuda:0")],
)
def test_a_device_that_is_there_is_taken(gpus, name, found):
    gpus[0] = 2
    health, options = DeviceHealth(), CudaOptions(precision="tf32")

    device = resolve(name, health=health, options=options)

    assert str(device) == found
    assert device.health is health
    assert device.options.precision == ("float32" if found == "cpu" else "tf32")


@pytest.mark.parametrize("name", ["cuda", "cuda:3", MIG])
def test_a_gpu_that_is_not_there_is_never_the_cpu(gpus, name):
    gpus[0] = 0

    with pytest.raises(ModelLoadError, match=f"device {name} was asked for, but fake finds 0"):
        resolve(name)


def test_auto_is_the_cpu_where_there_is_no_gpu_and_says_why(gpus, caplog):
    gpus[0] = 0

    assert str(resolve("auto")) == "cpu"

    assert "device auto is the CPU: fake finds 0 CUDA devices" in caplog.text


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "CUDA", "MIG-", "", "cuda:1234"])
def test_another_name_is_refused_with_those_that_are_allowed(gpus, name):
    with pytest.raises(ModelLoadError, match=r"allowed: auto, cpu, cuda, cuda:N, GPU-<uuid>, MIG"):
        resolve(name)


@pytest.mark.parametrize("uuid", [MIG, GPU])
def test_a_uuid_is_shown_to_cuda_alone_and_is_then_its_first_device(gpus, uuid):
    environ: dict[str, str] = {}

    assert str(resolve(uuid, environ)) == "cuda:0"

    assert environ == {"CUDA_VISIBLE_DEVICES": uuid}
    assert str(resolve(uuid, environ)) == "cuda:0", "the next version asks again"


def test_a_uuid_may_be_one_of_those_that_are_visible(gpus):
    environ = {"CUDA_VISIBLE_DEVICES": f"GPU-1234, {GPU[:9]}"}

    resolve(GPU, environ)

    assert environ["CUDA_VISIBLE_DEVICES"] == GPU


@pytest.mark.parametrize("visible", ["0", "", "GPU-1234,MIG-77"])
def test_a_uuid_that_is_not_visible_is_refused(gpus, visible):
    with pytest.raises(ModelLoadError, match=f"CUDA_VISIBLE_DEVICES='{visible}' does not list it"):
        resolve(GPU, {"CUDA_VISIBLE_DEVICES": visible})


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({"CUDA_VISIBLE_DEVICES": ""}, "CUDA_VISIBLE_DEVICES='' hides every GPU"),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, "CUDA_VISIBLE_DEVICES='-1' hides every GPU"),
        ({"NVIDIA_VISIBLE_DEVICES": "void"}, "NVIDIA_VISIBLE_DEVICES='void' says .* given none"),
        ({"CUDA_VISIBLE_DEVICES": "7"}, "CUDA_VISIBLE_DEVICES='7'$"),
    ],
)
def test_what_the_environment_hides_is_said(gpus, environ, reason):
    gpus[0] = 0

    with pytest.raises(ModelLoadError, match=reason):
        resolve("cuda", environ)
