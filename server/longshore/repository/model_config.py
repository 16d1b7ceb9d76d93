"""`config.yaml` of a model: the words and units of Triton's `model_config.proto`.

https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto
Microseconds become float seconds here, once; everything inside the server reads seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from longshore.errors import ModelConfigError
from longshore.repository import unsupported_keys
from longshore.repository.config_node import ConfigNode
from longshore.repository.regular_file import IrregularFile, read_bounded
from longshore.tensors import Datatype

MAX_CONFIG_BYTES = 1024 * 1024
BACKENDS = ("onnxruntime", "pytorch", "identity")
BATCHING = ("proven", "vouched", "forbidden")


@dataclass(frozen=True, slots=True)
class Padding:
    """Lets requests that differ in one dimension share a batch: the shorter ones are filled up."""

    value: float = 0.0
    buckets: tuple[int, ...] = ()
    """Sizes to pad to, ascending; empty pads to the longest in the batch."""
    mask: str | None = None
    """Name of an input that receives 1 where the data is real and 0 where it is padding."""


@dataclass(frozen=True, slots=True)
class ModelInput:
    """An `input` entry. `dims` leaves out the batch axis when `max_batch_size` > 0, as Triton has
    it; where `max_batch_size` is not given, both forms are understood.
    """

    name: str
    data_type: Datatype
    dims: tuple[int, ...]
    padding: dict[int, Padding] = field(default_factory=dict)
    """By index in `dims`."""


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """An `output` entry; `dims` as those of an input."""

    name: str
    data_type: Datatype
    dims: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class InstanceGroup:
    """`instance_group`: how many executions at once, and on which device."""

    count: int | None = None
    """Instances to run at once; `None` lets the calibration choose."""
    kind: Literal["KIND_AUTO", "KIND_CPU", "KIND_GPU"] = "KIND_AUTO"
    gpus: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """`default_queue_policy`: how long and how many requests may wait."""

    max_queue_size: int = 0
    """0 means no bound in number; the bound in time always holds."""
    default_timeout_seconds: float = 0.0
    """0 means the server's own default deadline."""
    timeout_action: Literal["REJECT"] = "REJECT"


@dataclass(frozen=True, slots=True)
class DynamicBatching:
    """`dynamic_batching`: what an idle instance waits for, and what may wait for an instance."""

    preferred_batch_size: tuple[int, ...] = ()
    max_queue_delay_seconds: float = 0.0
    """How long an idle instance waits for a fuller batch; 0 sends at once what is queued."""
    default_queue_policy: QueuePolicy = QueuePolicy()


@dataclass(frozen=True, slots=True)
class VersionPolicy:
    """The version directories to serve: the `latest` n, `all`, or the `specific` ones listed."""

    kind: Literal["latest", "all", "specific"] = "latest"
    num_versions: int = 1
    versions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What the artifact cannot say about itself; every field has a default, so an absent file is an
    empty config.
    """

    name: str | None = None
    backend: str | None = None
    """`onnxruntime`, `pytorch` or `identity`; `None` follows from the artifact's file name."""
    max_batch_size: int | None = None
    """`None` lets the proof and the calibration choose; 0 forbids batching."""
    batching: Literal["proven", "vouched", "forbidden"] = "proven"
    """`parameters.batching`: `vouched` skips the proof because the owner knows that rows are
    independent.
    """
    input: tuple[ModelInput, ...] = ()
    output: tuple[ModelOutput, ...] = ()
    instance_group: InstanceGroup = InstanceGroup()
    dynamic_batching: DynamicBatching = DynamicBatching()
    version_policy: VersionPolicy = VersionPolicy()
    parameters: dict[str, Any] = field(default_factory=dict)
    file: str = field(default="config.yaml", compare=False)
    """What errors call it."""


def load_model_config(path: Path, *, inside: Path | None = None) -> ModelConfig:
    """Read `config.yaml`; `inside` (resolved) is the directory that `path` may not lead out of, by
    default the one it stands in.

    Raises:
        ModelConfigError: not readable, larger than 1 MiB, not plain YAML, or a mistake in it.
    """
    from longshore.repository.strict_yaml import StrictYamlError, load_strict_yaml

    try:
        text = read_bounded(
            path,
            inside=path.parent.resolve() if inside is None else inside,
            max_bytes=MAX_CONFIG_BYTES,
        )
        value = load_strict_yaml(text)
    except StrictYamlError as error:
        raise ModelConfigError(f"{path}: {error}") from error
    except IrregularFile as error:
        raise ModelConfigError(f"{path}: {error}") from error
    except OSError as error:
        raise ModelConfigError(f"{path}: {error.strerror}") from error
    return parse_model_config(value, file=str(path))


def parse_model_config(value: Any, *, file: str) -> ModelConfig:
    """A parsed document as a `ModelConfig`; `file` is what errors call it.

    Raises:
        ModelConfigError: an unknown key or a value that is not allowed.
    """
    root = ConfigNode(value, "", file)
    keys = root.section(_MODEL_KEYS, unsupported=unsupported_keys.MODEL)
    config = ModelConfig(
        name=keys["name"].text() if "name" in keys else None,
        backend=keys["backend"].choice(BACKENDS) if "backend" in keys else None,
        max_batch_size=_max_batch_size(keys.get("max_batch_size")),
        batching=_batching(keys.get("parameters")),
        input=tuple(_input(node) for node in _items(keys.get("input"))),
        output=tuple(_output(node) for node in _items(keys.get("output"))),
        instance_group=_instance_group(keys.get("instance_group")),
        dynamic_batching=_dynamic_batching(keys.get("dynamic_batching")),
        version_policy=_version_policy(keys.get("version_policy")),
        parameters=_parameters(keys.get("parameters")),
        file=file,
    )
    _check_names(keys.get("input"), config.input)
    _check_names(keys.get("output"), config.output)
    _check_preferred(keys.get("dynamic_batching"), config)
    return config


_MODEL_KEYS = (
    "name",
    "backend",
    "max_batch_size",
    "input",
    "output",
    "instance_group",
    "dynamic_batching",
    "version_policy",
    "parameters",
)


def _items(node: ConfigNode | None) -> list[ConfigNode]:
    return [] if node is None else node.items()


def _max_batch_size(node: ConfigNode | None) -> int | None:
    return None if node is None else node.integer(minimum=0, maximum=2**31 - 1)


def _input(node: ConfigNode) -> ModelInput:
    keys = node.section(
        ("name", "data_type", "dims", "padding"), unsupported=unsupported_keys.INPUT
    )
    name = node.required(keys, "name").text()
    dims = _dims(node.required(keys, "dims"))
    return ModelInput(
        name=name,
        data_type=_data_type(node.required(keys, "data_type")),
        dims=dims,
        padding=_padding(keys["padding"], dims=dims, own_name=name) if "padding" in keys else {},
    )


def _output(node: ConfigNode) -> ModelOutput:
    keys = node.section(("name", "data_type", "dims"), unsupported=unsupported_keys.OUTPUT)
    return ModelOutput(
        name=node.required(keys, "name").text(),
        data_type=_data_type(node.required(keys, "data_type")),
        dims=_dims(node.required(keys, "dims")),
    )


def _data_type(node: ConfigNode) -> Datatype:
    """Triton's `TYPE_FP32` and the protocol's `FP32` are the same word here."""
    if not isinstance(node.value, str):
        raise node.unexpected(", ".join(Datatype))
    name = "BYTES" if node.value == "TYPE_STRING" else node.value.removeprefix("TYPE_")
    if name not in Datatype.__members__:
        raise node.unexpected(f"{', '.join(Datatype)}, with or without TYPE_ before it")
    return Datatype[name]


def _dims(node: ConfigNode) -> tuple[int, ...]:
    dims = []
    for item in node.items():
        if item.value == 0:
            raise item.unexpected("-1 (it varies) or a whole number from 1")
        dims.append(item.integer(minimum=-1))
    return tuple(dims)


def _padding(node: ConfigNode, *, dims: tuple[int, ...], own_name: str) -> dict[int, Padding]:
    padding = {}
    for key, child in node.entries().items():
        axis = int(key) if isinstance(key, str) and key in _AXES else key
        variable = [index for index, size in enumerate(dims) if size == -1]
        if isinstance(axis, bool) or axis not in variable:
            allowed = ", ".join(str(index) for index in variable)
            raise child.error(
                f"not a dimension of `dims` that varies; those that do: {allowed or 'none'}"
            )
        padding[axis] = _padding_of_axis(child, own_name)
    return padding


_AXES = frozenset(str(axis) for axis in range(64))


def _padding_of_axis(node: ConfigNode, own_name: str) -> Padding:
    keys = node.section(("value", "buckets", "mask"))
    mask = keys["mask"].text() if "mask" in keys else None
    if mask == own_name:
        raise keys["mask"].unexpected("the name of another input")
    return Padding(
        value=keys["value"].number() if "value" in keys else 0.0,
        buckets=_ascending(keys["buckets"]) if "buckets" in keys else (),
        mask=mask,
    )


def _ascending(node: ConfigNode) -> tuple[int, ...]:
    sizes = [item.integer(minimum=1, maximum=2**31 - 1) for item in node.items()]
    if sizes != sorted(set(sizes)):
        raise node.unexpected("ascending sizes, each once")
    return tuple(sizes)


def _instance_group(node: ConfigNode | None) -> InstanceGroup:
    """Triton writes a list; a single group may stand without one."""
    if node is None:
        return InstanceGroup()
    if isinstance(node.value, list):
        groups = node.items()
        if len(groups) != 1:
            raise node.error(f"found {len(groups)} groups, allowed: one")
        node = groups[0]
    keys = node.section(("count", "kind", "gpus"), unsupported=unsupported_keys.INSTANCE_GROUP)
    kind = keys["kind"].choice(_KINDS) if "kind" in keys else "KIND_AUTO"
    gpus = tuple(item.integer(minimum=0, maximum=1023) for item in _items(keys.get("gpus")))
    if gpus and kind == "KIND_CPU":
        raise keys["gpus"].error("found GPUs for KIND_CPU, allowed: none")
    if len(set(gpus)) != len(gpus):
        raise keys["gpus"].unexpected("each GPU once")
    return InstanceGroup(
        count=keys["count"].integer(minimum=1, maximum=1024) if "count" in keys else None,
        kind=cast("Literal['KIND_AUTO', 'KIND_CPU', 'KIND_GPU']", kind),
        gpus=gpus,
    )


_KINDS = ("KIND_AUTO", "KIND_CPU", "KIND_GPU")


def _dynamic_batching(node: ConfigNode | None) -> DynamicBatching:
    if node is None:
        return DynamicBatching()
    keys = node.section(
        ("preferred_batch_size", "max_queue_delay_microseconds", "default_queue_policy"),
        unsupported=unsupported_keys.DYNAMIC_BATCHING,
    )
    preferred = keys.get("preferred_batch_size")
    return DynamicBatching(
        preferred_batch_size=() if preferred is None else _ascending(preferred),
        max_queue_delay_seconds=_seconds(keys.get("max_queue_delay_microseconds")),
        default_queue_policy=_queue_policy(keys.get("default_queue_policy")),
    )


def _queue_policy(node: ConfigNode | None) -> QueuePolicy:
    if node is None:
        return QueuePolicy()
    keys = node.section(
        ("max_queue_size", "default_timeout_microseconds", "timeout_action"),
        unsupported=unsupported_keys.QUEUE_POLICY,
    )
    if "timeout_action" in keys:
        keys["timeout_action"].choice(("REJECT",))
    size = keys.get("max_queue_size")
    return QueuePolicy(
        max_queue_size=0 if size is None else size.integer(minimum=0, maximum=2**31 - 1),
        default_timeout_seconds=_seconds(keys.get("default_timeout_microseconds")),
    )


def _seconds(microseconds: ConfigNode | None) -> float:
    return 0.0 if microseconds is None else microseconds.integer(minimum=0) / 1e6


def _version_policy(node: ConfigNode | None) -> VersionPolicy:
    if node is None:
        return VersionPolicy()
    keys = node.section(("latest", "all", "specific"))
    if len(keys) != 1:
        raise node.unexpected("one of latest, all, specific")
    if "all" in keys:
        keys["all"].section(())
        return VersionPolicy(kind="all")
    if "latest" in keys:
        count = keys["latest"].section(("num_versions",)).get("num_versions")
        return VersionPolicy(num_versions=1 if count is None else count.integer(minimum=1))
    versions = keys["specific"].section(("versions",))
    listed = _ascending(keys["specific"].required(versions, "versions"))
    if not listed:
        raise versions["versions"].unexpected("at least one version")
    return VersionPolicy(kind="specific", versions=listed)


def _parameters(node: ConfigNode | None) -> dict[str, Any]:
    """Free-form; Triton's `{key: {string_value: "..."}}` and `{key: "..."}` mean the same."""
    if node is None:
        return {}
    parameters = {}
    for key, child in node.entries().items():
        if not isinstance(key, str):
            raise child.error("found a key that is not text, allowed: text")
        parameters[key] = _parameter(child).value
    return parameters


def _parameter(node: ConfigNode) -> ConfigNode:
    if isinstance(node.value, dict) and set(node.value) == {"string_value"}:
        return node.entries()["string_value"]
    return node


def _batching(node: ConfigNode | None) -> Literal["proven", "vouched", "forbidden"]:
    batching = None if node is None else node.entries().get("batching")
    if batching is None:
        return "proven"
    return cast("Literal['proven', 'vouched', 'forbidden']", _parameter(batching).choice(BATCHING))


def _check_names(
    node: ConfigNode | None, tensors: tuple[ModelInput, ...] | tuple[ModelOutput, ...]
) -> None:
    names = [tensor.name for tensor in tensors]
    twice = sorted({name for name in names if names.count(name) > 1})
    if node is not None and twice:
        raise node.error(f"'{twice[0]}' is given twice")


def _check_preferred(node: ConfigNode | None, config: ModelConfig) -> None:
    sizes = config.dynamic_batching.preferred_batch_size
    limit = config.max_batch_size
    if node is not None and sizes and limit is not None and sizes[-1] > limit:
        raise node.error(f"preferred_batch_size has {sizes[-1]}, above max_batch_size {limit}")
