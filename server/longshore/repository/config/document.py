"""`config.yaml` of a model: the words and units of Triton's `model_config.proto`.

https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto
Each section is a module here: its keys, those that Triton has and this server refuses, and how they
are read. Microseconds become float seconds on the way, once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from longshore.errors import ModelConfigError
from longshore.repository.config import (
    dynamic_batching,
    instance_group,
    model_warmup,
    parameters,
    tensors,
    version_policy,
)
from longshore.repository.config_node import ConfigNode
from longshore.repository.model_config import ModelConfig
from longshore.repository.regular_file import IrregularFile, read_bounded
from longshore.repository.strict_yaml import StrictYamlError, load_strict_yaml

MAX_CONFIG_BYTES = 1024 * 1024
BACKENDS = ("onnxruntime", "pytorch", "identity")
KEYS = (
    "name",
    "backend",
    "max_batch_size",
    "input",
    "output",
    "instance_group",
    "dynamic_batching",
    "version_policy",
    "model_warmup",
    "parameters",
)
UNSUPPORTED = {
    "platform": "write `backend` (onnxruntime, pytorch, identity)",
    "ensemble_scheduling": "one release serves one model; compose models in the caller",
    "sequence_batching": "requests are independent of each other, no state is kept between them",
    "optimization": "the calibration chooses; see the settings for what can be pinned",
    "batch_input": "only the model's own inputs are given to it",
    "batch_output": "every output must carry the batch on its first axis",
    "default_model_filename": "the file is called model.onnx, model.pt or model.pt2",
    "cc_model_filenames": "the file is called model.onnx, model.pt or model.pt2",
    "metric_tags": "labels are added where metrics are scraped",
    "model_metrics": "the metrics are the same for every model",
    "model_operations": "custom operator libraries are code, and code is not loaded from a volume",
    "model_repository_agents": "agents are code, and code is not loaded from a volume",
    "model_transaction_policy": "one request has one answer",
    "response_cache": "answers are not cached",
    "runtime": "the server has one runtime for each backend",
}
"""Keys that Triton knows and this server refuses, with the reason or with what to do instead."""


def load_model_config(path: Path, *, inside: Path | None = None) -> ModelConfig:
    """Read `config.yaml`; `inside` (resolved) is the directory that `path` may not lead out of, by
    default the one it stands in.

    Raises:
        ModelConfigError: not readable, larger than 1 MiB, not plain YAML, or a mistake in it.
    """
    return parse_model_config(read_document(path, inside=inside), file=str(path))


def read_document(path: Path, *, inside: Path | None = None) -> Any:
    """The YAML of `path`, whatever it says; otherwise as `load_model_config`."""
    try:
        text = read_bounded(
            path,
            inside=path.parent.resolve() if inside is None else inside,
            max_bytes=MAX_CONFIG_BYTES,
        )
        return load_strict_yaml(text)
    except (StrictYamlError, IrregularFile) as error:
        raise ModelConfigError(f"{path}: {error}") from error
    except OSError as error:
        raise ModelConfigError(f"{path}: {error.strerror}") from error


def parse_model_config(value: Any, *, file: str) -> ModelConfig:
    """A parsed document as a `ModelConfig`; `file` is what errors call it.

    Raises:
        ModelConfigError: an unknown key or a value that is not allowed.
    """
    keys = ConfigNode(value, "", file).section(KEYS, unsupported=UNSUPPORTED)
    config = ModelConfig(
        name=keys["name"].text() if "name" in keys else None,
        backend=keys["backend"].choice(BACKENDS) if "backend" in keys else None,
        max_batch_size=_max_batch_size(keys.get("max_batch_size")),
        batching=parameters.read_batching(keys.get("parameters")),
        startup=parameters.read_startup(keys.get("parameters")),
        input=tensors.read_inputs(keys.get("input")),
        output=tensors.read_outputs(keys.get("output")),
        instance_group=instance_group.read(keys.get("instance_group")),
        dynamic_batching=dynamic_batching.read(keys.get("dynamic_batching")),
        version_policy=version_policy.read(keys.get("version_policy")),
        model_warmup=model_warmup.read(keys.get("model_warmup")),
        parameters=parameters.read(keys.get("parameters")),
        file=file,
    )
    _check_preferred(keys.get("dynamic_batching"), config)
    return config


def _max_batch_size(node: ConfigNode | None) -> int | None:
    return None if node is None else node.integer(minimum=0, maximum=2**31 - 1)


def _check_preferred(node: ConfigNode | None, config: ModelConfig) -> None:
    sizes = config.dynamic_batching.preferred_batch_size
    limit = config.max_batch_size
    if node is not None and sizes and limit is not None and sizes[-1] > limit:
        raise node.error(f"preferred_batch_size has {sizes[-1]}, above max_batch_size {limit}")
