"""Documents about the server and its models, as the Open Inference Protocol and Triton's
extensions define them; every function returns JSON-compatible values.

https://github.com/triton-inference-server/server/tree/main/docs/protocol
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from msgspec import Struct

from longshore import __version__
from longshore.protocol.messages import Parameters
from longshore.repository.model_config import ModelConfig, VersionPolicy
from longshore.tensors import Datatype, Signature, TensorSpec

EXTENSIONS = ("binary_tensor_data", "model_configuration", "statistics")

Document: TypeAlias = dict[str, Any]
Duration: TypeAlias = tuple[int, int]
"""Count, and the total in nanoseconds."""


def server_metadata(*, shows_version: bool, has_repository: bool = False) -> Document:
    """Open Inference Protocol, "Server Metadata"; `version` is empty where it is not disclosed."""
    extensions = [*EXTENSIONS, "model_repository"] if has_repository else list(EXTENSIONS)
    return {
        "name": "longshore",
        "version": __version__ if shows_version else "",
        "extensions": extensions,
    }


def model_metadata(
    *,
    name: str,
    versions: Sequence[str],
    platform: str,
    signature: Signature,
    parameters: Parameters,
) -> Document:
    """Open Inference Protocol, "Model Metadata"; shapes include the batch axis."""
    return {
        "name": name,
        "versions": list(versions),
        "platform": platform,
        "inputs": [_tensor(spec) for spec in signature.inputs],
        "outputs": [_tensor(spec) for spec in signature.outputs],
        "parameters": parameters,
    }


def model_config(
    *,
    name: str,
    platform: str,
    signature: Signature,
    max_batch_size: int,
    instance_count: int,
    device: str,
    config: ModelConfig,
) -> Document:
    """Triton's model configuration extension; `dims` leave out the batch axis where
    `max_batch_size` > 0. perf_analyzer reads it before it runs.
    """
    document: Document = {
        "name": name,
        "platform": platform,
        "backend": platform.partition("_")[0],
        "version_policy": _version_policy(config.version_policy),
        "max_batch_size": max_batch_size,
        "input": [_config_tensor(spec, max_batch_size) for spec in signature.inputs],
        "output": [_config_tensor(spec, max_batch_size) for spec in signature.outputs],
        "instance_group": [
            {
                "name": name,
                "kind": "KIND_CPU" if device == "cpu" else "KIND_GPU",
                "count": instance_count,
                "gpus": [] if device == "cpu" else list(config.instance_group.gpus),
            }
        ],
        "parameters": {
            key: {"string_value": str(value)} for key, value in config.parameters.items()
        },
    }
    if max_batch_size > 0:
        document["dynamic_batching"] = _dynamic_batching(config)
    return document


class BatchStatistics(Struct, frozen=True):
    """Of all executions of one number of rows."""

    rows: int
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration


class VersionStatistics(Struct, frozen=True):
    """What one version of a model has done since it was loaded."""

    name: str
    version: str
    last_inference_milliseconds: int
    """Milliseconds since the epoch; 0 before the first."""
    inference_count: int
    """Rows."""
    execution_count: int
    """Runs of the model, each of one batch."""
    success: Duration
    fail: Duration
    queue: Duration
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration
    batches: Sequence[BatchStatistics] = ()


def model_statistics(versions: Sequence[VersionStatistics]) -> Document:
    """Triton's statistics extension; there is no response cache."""
    return {"model_stats": [_version_statistics(version) for version in versions]}


def _tensor(spec: TensorSpec) -> Document:
    return {"name": spec.name, "datatype": spec.datatype.value, "shape": list(spec.shape)}


def _config_tensor(spec: TensorSpec, max_batch_size: int) -> Document:
    type_name = "STRING" if spec.datatype is Datatype.BYTES else spec.datatype.value
    dims = spec.shape[1:] if max_batch_size > 0 else spec.shape
    return {"name": spec.name, "data_type": f"TYPE_{type_name}", "dims": list(dims)}


def _version_policy(policy: VersionPolicy) -> Document:
    if policy.kind == "all":
        return {"all": {}}
    if policy.kind == "specific":
        return {"specific": {"versions": list(policy.versions)}}
    return {"latest": {"num_versions": policy.num_versions}}


def _dynamic_batching(config: ModelConfig) -> Document:
    batching = config.dynamic_batching
    return {
        "preferred_batch_size": list(batching.preferred_batch_size),
        "max_queue_delay_microseconds": round(batching.max_queue_delay_seconds * 1_000_000),
    }


def _version_statistics(version: VersionStatistics) -> Document:
    return {
        "name": version.name,
        "version": version.version,
        "last_inference": version.last_inference_milliseconds,
        "inference_count": version.inference_count,
        "execution_count": version.execution_count,
        "inference_stats": {
            "success": _duration(version.success),
            "fail": _duration(version.fail),
            "queue": _duration(version.queue),
            "compute_input": _duration(version.compute_input),
            "compute_infer": _duration(version.compute_infer),
            "compute_output": _duration(version.compute_output),
            "cache_hit": _duration((0, 0)),
            "cache_miss": _duration((0, 0)),
        },
        "batch_stats": [
            {
                "batch_size": batch.rows,
                "compute_input": _duration(batch.compute_input),
                "compute_infer": _duration(batch.compute_infer),
                "compute_output": _duration(batch.compute_output),
            }
            for batch in version.batches
        ],
    }


def _duration(duration: Duration) -> Document:
    count, nanoseconds = duration
    return {"count": count, "ns": nanoseconds}
