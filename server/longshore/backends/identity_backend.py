"""A model that gives back what it gets: batching, lifecycle and wire are tested with it, without a
framework.

`model.identity` is YAML, and may be empty:

    input:                      # default: INPUT0, FP32, [-1, -1]
      - {name: INPUT0, data_type: TYPE_FP32, dims: [-1, -1]}   # dims with the batch axis
    output: [...]               # default: the inputs, INPUT renamed to OUTPUT
    delay_seconds: 0.0          # for each execution
    delay_per_row_seconds: 0.0
    fail_when: 13               # ExecutionFailed if an element equals it
    break_when: 15           # ModelDefect if an element equals it: a fault of the model's own
    work_when: 12345         # ExecutionFailed unless an element equals it
    lose_device_when: 14        # as if a GPU had failed for good, if an element equals it
    max_device_rows: 64         # as if a GPU had no memory for more
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from msgspec import Struct

from longshore.backends.base import Backend, Device
from longshore.errors import (
    ExecutionFailed,
    ModelConfigError,
    ModelDefect,
    ModelLoadError,
    OutOfDeviceMemory,
)
from longshore.repository.config_node import ConfigNode
from longshore.repository.integrity import VerifiedArtifact
from longshore.repository.model_config import ModelConfig
from longshore.repository.strict_yaml import StrictYamlError, load_strict_yaml
from longshore.tensors import Array, Datatype, Signature, Tensors, TensorSpec

_MAX_BYTES = 1024 * 1024
_KEYS = (
    "input", "output", "delay_seconds", "delay_per_row_seconds", "fail_when", "break_when",
    "work_when", "lose_device_when", "max_device_rows",
)  # fmt: skip
_DATATYPES = {**{f"TYPE_{datatype}": datatype for datatype in Datatype},
              "TYPE_STRING": Datatype.BYTES}  # fmt: skip
_DEFAULT_INPUT = TensorSpec("INPUT0", Datatype.FP32, (-1, -1))


class _Behaviour(Struct, frozen=True):
    signature: Signature
    delay_seconds: float = 0.0
    delay_per_row_seconds: float = 0.0
    fail_when: Any = None
    break_when: Any = None
    work_when: Any = None
    lose_device_when: Any = None
    max_device_rows: int | None = None


class IdentityBackend(Backend):
    """Output n is input n; sleeping stands for work and releases the GIL as real work does."""

    platform = "identity"

    def __init__(self, behaviour: _Behaviour, device: Device) -> None:
        self.signature = behaviour.signature
        self.device = device
        self._behaviour = behaviour
        pairs = zip(self.signature.outputs, self.signature.inputs, strict=True)
        self._sources = {output.name: given.name for output, given in pairs}

    @classmethod
    def load(
        cls, verified: VerifiedArtifact, *, config: ModelConfig, device: Device, threads: int
    ) -> Self:
        artifact = verified.artifact
        if device.kind != "cpu":
            raise ModelLoadError(f"{artifact.path}: {cls.cuda_problem()}, not on {device}")
        with verified.open() as file:
            text = file.read(_MAX_BYTES + 1)
        if len(text) > _MAX_BYTES:
            raise ModelLoadError(f"{artifact.path}: larger than {_MAX_BYTES} bytes")
        try:
            return cls(_read_behaviour(text, artifact.path), device)
        except (StrictYamlError, ModelConfigError) as error:
            raise ModelLoadError(f"{artifact.path}: {error}") from error

    def execute(self, inputs: Mapping[str, Array], output_names: Sequence[str]) -> Tensors:
        self.device.health.check()
        behaviour = self._behaviour
        first = next(iter(inputs.values()))
        rows = first.shape[0] if first.ndim else 1
        delay = behaviour.delay_seconds + behaviour.delay_per_row_seconds * rows
        if delay:
            time.sleep(delay)
        if behaviour.max_device_rows is not None and rows > behaviour.max_device_rows:
            raise OutOfDeviceMemory(f"no memory for {rows} rows")
        if (name := _holder(inputs, behaviour.lose_device_when)) is not None:
            self.device.health.lose(f"input '{name}' holds {behaviour.lose_device_when!r}")
            self.device.health.check()
        if (name := _holder(inputs, behaviour.fail_when)) is not None:
            raise ExecutionFailed(f"input '{name}' holds {behaviour.fail_when!r}")
        if (name := _holder(inputs, behaviour.break_when)) is not None:
            raise ModelDefect(f"input '{name}' holds {behaviour.break_when!r}")
        if behaviour.work_when is not None and _holder(inputs, behaviour.work_when) is None:
            raise ExecutionFailed(f"no input holds {behaviour.work_when!r}")
        return {name: inputs[self._sources[name]] for name in output_names}

    @property
    def shares_instances(self) -> bool:
        return True


def _holder(inputs: Mapping[str, Array], value: Any) -> str | None:
    """The input that holds `value`."""
    if value is None:
        return None
    return next((name for name, array in inputs.items() if (array == value).any()), None)


def _read_behaviour(text: bytes, path: Path) -> _Behaviour:
    root = ConfigNode(load_strict_yaml(text), "", path.name)
    keys = root.section(_KEYS)
    inputs = _specs(keys["input"]) if "input" in keys else (_DEFAULT_INPUT,)
    outputs = _specs(keys["output"]) if "output" in keys else tuple(map(_as_output, inputs))
    if not inputs or len(inputs) != len(outputs):
        raise root.error(f"has {len(inputs)} inputs and {len(outputs)} outputs, allowed: as many")
    return _Behaviour(
        Signature(inputs, outputs),
        delay_seconds=_delay(keys.get("delay_seconds")),
        delay_per_row_seconds=_delay(keys.get("delay_per_row_seconds")),
        fail_when=_element(keys.get("fail_when")),
        break_when=_element(keys.get("break_when")),
        work_when=_element(keys.get("work_when")),
        lose_device_when=_element(keys.get("lose_device_when")),
        max_device_rows=keys["max_device_rows"].integer(minimum=0)
        if "max_device_rows" in keys
        else None,
    )


def _element(node: ConfigNode | None) -> Any:
    value = None if node is None else node.value
    return value.encode() if isinstance(value, str) else value


def _as_output(spec: TensorSpec) -> TensorSpec:
    return TensorSpec(spec.name.replace("INPUT", "OUTPUT"), spec.datatype, spec.shape)


def _delay(node: ConfigNode | None) -> float:
    if node is None:
        return 0.0
    seconds = node.number()
    if not 0.0 <= seconds <= 3600.0:
        raise node.unexpected("a number from 0 to 3600")
    return seconds


def _specs(node: ConfigNode) -> tuple[TensorSpec, ...]:
    return tuple(_spec(item) for item in node.items())


def _spec(node: ConfigNode) -> TensorSpec:
    keys = node.section(("name", "data_type", "dims"))
    dims = node.required(keys, "dims").items()
    return TensorSpec(
        node.required(keys, "name").text(),
        _DATATYPES[node.required(keys, "data_type").choice(_DATATYPES)],
        tuple(dim.integer(minimum=-1) for dim in dims),
    )
