"""What the owner of a model says about it, whatever file said so: Triton's words, with times in
seconds. `repository.config` reads it.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from longshore.tensors import Datatype


class Padding(Struct, frozen=True):
    """Lets requests that differ in one dimension share a batch: the shorter ones are filled up."""

    value: float = 0.0
    buckets: tuple[int, ...] = ()
    """Sizes to pad to, ascending; empty pads to the longest in the batch."""
    mask: str | None = None
    """Name of an input that receives 1 where the data is real and 0 where it is padding."""


class ModelInput(Struct, frozen=True):
    """An `input` entry. `dims` leaves out the batch axis when `max_batch_size` > 0, as Triton has
    it; where `max_batch_size` is not given, both forms are understood.
    """

    name: str
    data_type: Datatype
    dims: tuple[int, ...]
    padding: dict[int, Padding] = field(default_factory=dict)
    """By index in `dims`."""


class ModelOutput(Struct, frozen=True):
    """An `output` entry; `dims` as those of an input."""

    name: str
    data_type: Datatype
    dims: tuple[int, ...]


class InstanceGroup(Struct, frozen=True):
    """`instance_group`: how many executions at once, and on which device."""

    count: int | None = None
    """Instances to run at once; `None` lets the calibration choose."""
    kind: Literal["KIND_AUTO", "KIND_CPU", "KIND_GPU"] = "KIND_AUTO"
    gpus: tuple[int, ...] = ()


class QueuePolicy(Struct, frozen=True):
    """`default_queue_policy`: how long and how many requests may wait."""

    max_queue_size: int = 0
    """0 means no bound in number; the bound in time always holds."""
    default_timeout_seconds: float = 0.0
    """0 means the server's own default deadline."""
    timeout_action: Literal["REJECT"] = "REJECT"


class DynamicBatching(Struct, frozen=True):
    """`dynamic_batching`: what an idle instance waits for, and what may wait for an instance."""

    preferred_batch_size: tuple[int, ...] = ()
    max_queue_delay_seconds: float = 0.0
    """How long an idle instance waits for a fuller batch; 0 sends at once what is queued."""
    default_queue_policy: QueuePolicy = QueuePolicy()


class WarmupInput(Struct, frozen=True):
    """One input of a warm-up sample; `dims` without the batch axis, as those of a `ModelInput`."""

    name: str
    data_type: Datatype
    dims: tuple[int, ...]
    source: Literal["zero_data", "random_data", "input_data_file"]
    file: str = ""
    """Below the directory `warmup` of the model."""


class ModelWarmup(Struct, frozen=True):
    """`model_warmup`: an input that the model runs on."""

    name: str
    batch_size: int
    inputs: tuple[WarmupInput, ...]
    count: int = 1
    """Executions of it; 0 is one as well."""


class VersionPolicy(Struct, frozen=True):
    """The version directories to serve: the `latest` n, `all`, or the `specific` ones listed."""

    kind: Literal["latest", "all", "specific"] = "latest"
    num_versions: int = 1
    versions: tuple[int, ...] = ()


class ModelConfig(Struct, frozen=True):
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
    startup: Literal["proven", "vouched"] = "proven"
    """`parameters.startup`: `vouched` serves a version that no sample input runs on, because the
    owner knows that it answers requests.
    """
    input: tuple[ModelInput, ...] = ()
    output: tuple[ModelOutput, ...] = ()
    instance_group: InstanceGroup = InstanceGroup()
    dynamic_batching: DynamicBatching = DynamicBatching()
    version_policy: VersionPolicy = VersionPolicy()
    model_warmup: tuple[ModelWarmup, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    file: str = "config.yaml"
    """What errors call it."""
