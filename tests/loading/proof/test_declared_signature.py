from __future__ import annotations

import io

import pytest
import torch

from longshore.backends.base import Device
from longshore.errors import ModelConfigError
from longshore.loading.load_options import LoadOptions
from longshore.loading.model_loader import load_model
from longshore.loading.proof.declared_signature import check_device, declared_signature
from longshore.repository.config.document import parse_model_config
from longshore.repository.layout import Artifact, ArtifactFormat
from longshore.repository.model_config import ModelConfig
from longshore.repository.strict_yaml import load_strict_yaml
from longshore.tensors import Datatype, Signature, TensorSpec

IMAGES = Signature(
    (TensorSpec("image", Datatype.FP32, (-1, 3, -1, -1)),),
    (TensorSpec("logits", Datatype.FP32, (-1, 10)),),
)


def config(text: str) -> ModelConfig:
    return parse_model_config(load_strict_yaml(text.encode()), file="m/config.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "max_batch_size: 8\ninput: [{name: image, data_type: FP32, dims: [3, -1, -1]}]",
        "max_batch_size: 0\ninput: [{name: image, data_type: FP32, dims: [-1, 3, -1, -1]}]",
        "input: [{name: image, data_type: FP32, dims: [3, -1, -1]}]",
        "input: [{name: image, data_type: FP32, dims: [-1, 3, -1, -1]}]",
        "output: [{name: logits, data_type: TYPE_FP32, dims: [10]}]",
    ],
)
def test_a_config_that_fits_leaves_the_signature_as_it_is(text):
    assert declared_signature(config(text), IMAGES) == IMAGES


def test_a_config_may_fix_the_sizes_that_the_artifact_leaves_open():
    text = "input: [{name: image, data_type: FP32, dims: [3, 224, 224]}]"

    assert declared_signature(config(text), IMAGES).inputs[0].shape == (-1, 3, 224, 224)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "input: [{name: picture, data_type: FP32, dims: [3, -1, -1]}]",
            r"^m/config\.yaml: input\[0\]\.name: found 'picture', allowed by the model: image$",
        ),
        (
            "input: [{name: image, data_type: UINT8, dims: [3, -1, -1]}]",
            r"input\[0\]\.data_type: found UINT8, allowed by the model: FP32$",
        ),
        (
            "input: [{name: image, data_type: FP32, dims: [1, -1, -1]}]",
            r"input\[0\]\.dims: found \[1, -1, -1\], allowed by the model: \[3, -1, -1\], where -1",
        ),
        (
            "max_batch_size: 4\ninput: [{name: image, data_type: FP32, dims: [-1, 3, -1, -1]}]",
            r"dims: found \[-1, 3, -1, -1\], allowed by the model: \[3, -1, -1\]",
        ),
        (
            "output: [{name: logits, data_type: FP32, dims: [11]}]",
            r"output\[0\]\.dims: found \[11\], allowed by the model: \[10\]$",
        ),
    ],
)
def test_a_config_that_does_not_fit_is_refused_with_what_would(text, message):
    with pytest.raises(ModelConfigError, match=message):
        declared_signature(config(text), IMAGES)


@pytest.mark.parametrize(
    ("text", "device", "message"),
    [
        ("{kind: KIND_GPU}", Device("cpu"), "found KIND_GPU, but the server runs on cpu; .*cuda"),
        ("{kind: KIND_CPU}", Device("cuda"), "found KIND_CPU, but the server runs on cuda"),
        ("{gpus: [1]}", Device("cuda"), r"gpus: found \[1\], allowed: \[0\]"),
    ],
)
def test_a_config_for_another_device_is_refused(text, device, message):
    with pytest.raises(ModelConfigError, match=message):
        check_device(config(f"instance_group: {text}"), device)


@pytest.mark.parametrize(
    ("text", "device"),
    [("{kind: KIND_GPU, gpus: [1]}", Device("cuda", 1)), ("{kind: KIND_CPU}", Device("cpu")),
     ("{count: 2}", Device("cuda"))],
)  # fmt: skip
def test_a_config_for_this_device_is_accepted(text, device):
    check_device(config(f"instance_group: {text}"), device)


def test_a_gpu_that_the_config_asks_for_is_no_cpu_in_silence(load_identity):
    with pytest.raises(ModelConfigError, match="start it with --device cuda"):
        load_identity(config=config("instance_group: {kind: KIND_GPU}"))


def test_padding_of_the_batch_axis_is_refused(load_identity):
    text = "input: [{name: INPUT0, data_type: FP32, dims: [-1, -1], padding: {0: {value: 1}}}]"

    with pytest.raises(ModelConfigError, match=r"input\[0\]\.padding\.0: dimension 0 is the batch"):
        load_identity(config=config(text))


class Halves(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :2].to(torch.float16)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("{name: y, data_type: FP16, dims: [3]}", r"output\[0\]\.dims: found \[3\], .*: \[2\]$"),
        ("{name: y, data_type: FP32, dims: [2]}", r"output\[0\]\.data_type: found FP32, .*float16"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_a_config_says_of_torchscript_outputs_is_held_against_an_answer(
    tmp_path, output, message
):
    path = tmp_path.resolve() / "model.pt"
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(Halves()), buffer)
    path.write_bytes(buffer.getvalue())
    artifact = Artifact("halves", "1", path.parent, path, ArtifactFormat.TORCHSCRIPT)
    text = (
        f"max_batch_size: 4\ninput: [{{name: x, data_type: FP32, dims: [4]}}]\noutput: [{output}]"
    )

    with pytest.raises(ModelConfigError, match=message):
        load_model(artifact, config(text), LoadOptions(cpus=1))
