from __future__ import annotations

from typing import Any

import orjson

from longshore import __version__
from longshore.protocol import metadata
from longshore.repository.model_config import (
    DynamicBatching,
    InstanceGroup,
    ModelConfig,
    VersionPolicy,
)
from longshore.tensors import Datatype, Signature, TensorSpec

SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 28, 28)), TensorSpec("t", Datatype.BYTES, (-1, 1))),
    (TensorSpec("y", Datatype.INT64, (-1,)),),
)


def config(model: ModelConfig | None = None, **changes: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "name": "digits",
        "platform": "onnxruntime_onnx",
        "signature": SIGNATURE,
        "max_batch_size": 8,
        "instance_count": 2,
        "device": "cpu",
        "config": model or ModelConfig(),
    }
    document = metadata.model_config(**{**arguments, **changes})
    assert orjson.loads(orjson.dumps(document)) == document
    return document


def test_the_server_shows_its_version_only_when_told_to() -> None:
    assert metadata.server_metadata(shows_version=True)["version"] == __version__
    hidden = metadata.server_metadata(shows_version=False)
    assert __version__ not in str(hidden)
    assert "binary_tensor_data" in hidden["extensions"]


def test_model_metadata_shows_shapes_with_the_batch_axis() -> None:
    document = metadata.model_metadata(
        name="digits",
        versions=["1", "2"],
        platform="onnxruntime_onnx",
        signature=SIGNATURE,
        parameters={"max_batch_size": 8},
    )
    assert orjson.loads(orjson.dumps(document)) == {
        "name": "digits",
        "versions": ["1", "2"],
        "platform": "onnxruntime_onnx",
        "inputs": [
            {"name": "x", "datatype": "FP32", "shape": [-1, 28, 28]},
            {"name": "t", "datatype": "BYTES", "shape": [-1, 1]},
        ],
        "outputs": [{"name": "y", "datatype": "INT64", "shape": [-1]}],
        "parameters": {"max_batch_size": 8},
    }


def test_dims_leave_out_the_batch_axis_of_a_batched_model() -> None:
    document = config()
    assert document["input"] == [
        {"name": "x", "data_type": "TYPE_FP32", "dims": [28, 28]},
        {"name": "t", "data_type": "TYPE_STRING", "dims": [1]},
    ]
    assert document["output"] == [{"name": "y", "data_type": "TYPE_INT64", "dims": []}]
    assert document["backend"] == "onnxruntime"
    assert document["instance_group"][0]["kind"] == "KIND_CPU"
    assert document["instance_group"][0]["count"] == 2


def test_dims_of_an_unbatched_model_are_whole() -> None:
    document = config(max_batch_size=0)
    assert document["input"][0]["dims"] == [-1, 28, 28]
    assert "dynamic_batching" not in document


def test_what_the_owner_configured_is_shown_in_tritons_units() -> None:
    model = ModelConfig(
        dynamic_batching=DynamicBatching((4, 8), 0.0015),
        instance_group=InstanceGroup(kind="KIND_GPU", gpus=(1,)),
        version_policy=VersionPolicy("specific", versions=(1, 3)),
        parameters={"note": 3},
    )
    document = config(model, device="cuda")
    assert document["dynamic_batching"] == {
        "preferred_batch_size": [4, 8],
        "max_queue_delay_microseconds": 1500,
    }
    assert document["instance_group"][0]["kind"] == "KIND_GPU"
    assert document["instance_group"][0]["gpus"] == [1]
    assert document["version_policy"] == {"specific": {"versions": [1, 3]}}
    assert document["parameters"] == {"note": {"string_value": "3"}}


def test_version_policies_in_tritons_words() -> None:
    assert config()["version_policy"] == {"latest": {"num_versions": 1}}
    assert config(ModelConfig(version_policy=VersionPolicy("all")))["version_policy"] == {"all": {}}


def test_statistics_have_every_field_that_triton_has() -> None:
    version = metadata.VersionStatistics(
        name="digits",
        version="1",
        last_inference_milliseconds=1_800_000_000_000,
        inference_count=12,
        execution_count=4,
        success=(6, 600),
        fail=(1, 10),
        queue=(6, 60),
        compute_input=(6, 20),
        compute_infer=(6, 500),
        compute_output=(6, 10),
        batches=[metadata.BatchStatistics(3, (4, 20), (4, 500), (4, 10))],
    )
    [found] = metadata.model_statistics([version])["model_stats"]
    assert found["inference_count"] == 12
    assert found["execution_count"] == 4
    assert found["last_inference"] == 1_800_000_000_000
    assert found["batch_stats"] == [
        {
            "batch_size": 3,
            "compute_input": {"count": 4, "ns": 20},
            "compute_infer": {"count": 4, "ns": 500},
            "compute_output": {"count": 4, "ns": 10},
        }
    ]
    assert found["inference_stats"] == {
        "success": {"count": 6, "ns": 600},
        "fail": {"count": 1, "ns": 10},
        "queue": {"count": 6, "ns": 60},
        "compute_input": {"count": 6, "ns": 20},
        "compute_infer": {"count": 6, "ns": 500},
        "compute_output": {"count": 6, "ns": 10},
        "cache_hit": {"count": 0, "ns": 0},
        "cache_miss": {"count": 0, "ns": 0},
    }
