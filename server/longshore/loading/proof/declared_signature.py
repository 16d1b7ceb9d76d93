"""What `config.yaml` says of tensors and device, held against artifact and server.

A config that does not fit is refused at load, before a client finds out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from longshore.backends.base import Device
from longshore.errors import ModelConfigError
from longshore.repository.model_config import ModelConfig, ModelInput, ModelOutput
from longshore.tensors import Signature, Tensors, TensorSpec

_DEVICES = {"KIND_CPU": "cpu", "KIND_GPU": "cuda"}


def declared_signature(config: ModelConfig, signature: Signature) -> Signature:
    """`signature` of the artifact, with the sizes that `config` fixes where the artifact leaves
    them open.

    Raises:
        ModelConfigError: a tensor that the artifact has not, or another type or size of it.
    """
    return replace(
        signature,
        inputs=_declared(config, "input", config.input, signature),
        outputs=_declared(config, "output", config.output, signature),
    )


def batch_axes(config: ModelConfig, tensor: ModelInput | ModelOutput, spec: TensorSpec) -> int:
    """1 when the `dims` of `tensor` leave out the batch axis, else 0.

    Triton leaves it out when `max_batch_size` > 0; where that is not given the number tells.
    """
    if config.max_batch_size is None:
        return 1 if len(tensor.dims) == len(spec.shape) - 1 else 0
    return 1 if config.max_batch_size else 0


def check_device(config: ModelConfig, device: Device) -> None:
    """Raises:
    ModelConfigError: `instance_group` asks for another device than the server runs on.
    """
    group = config.instance_group
    wanted = _DEVICES.get(group.kind, device.kind)
    if wanted != device.kind:
        raise ModelConfigError(
            f"{config.file}: instance_group.kind: found {group.kind}, but the server runs on "
            f"{device}; start it with --device {wanted}"
        )
    if device.kind == "cuda" and group.gpus and group.gpus != (device.index,):
        raise ModelConfigError(
            f"{config.file}: instance_group.gpus: found {list(group.gpus)}, allowed: "
            f"[{device.index}], the one that the server runs on ({device})"
        )


def check_outputs(config: ModelConfig, signature: Signature, outputs: Tensors) -> None:
    """Hold what the model gave against `signature`: TorchScript says no outputs itself.

    Raises:
        ModelConfigError: another type or size of an output that the config names.
    """
    for index, tensor in enumerate(config.output):
        spec, array = signature.output_by_name.get(tensor.name), outputs.get(tensor.name)
        if spec is None or array is None:
            continue
        key = f"{config.file}: output[{index}]"
        if array.dtype != spec.datatype.numpy_dtype:
            raise _mismatch(f"{key}.data_type", tensor.data_type, array.dtype)
        if not spec.accepts_shape(array.shape):
            dims = array.shape[batch_axes(config, tensor, spec) :]
            raise _mismatch(f"{key}.dims", list(tensor.dims), list(dims))


def _declared(
    config: ModelConfig,
    kind: Literal["input", "output"],
    tensors: Sequence[ModelInput | ModelOutput],
    signature: Signature,
) -> tuple[TensorSpec, ...]:
    specs = signature.inputs if kind == "input" else signature.outputs
    known = {spec.name: spec for spec in specs}
    for index, tensor in enumerate(tensors):
        key = f"{config.file}: {kind}[{index}]"
        spec = known.get(tensor.name)
        if spec is None:
            if why := signature.why_left_out(kind, tensor.name):
                raise ModelConfigError(f"{key}.name: {why}")
            raise _mismatch(f"{key}.name", repr(tensor.name), ", ".join(known))
        if tensor.data_type is not spec.datatype:
            raise _mismatch(f"{key}.data_type", tensor.data_type, spec.datatype)
        left_out = batch_axes(config, tensor, spec)
        shape = (*spec.shape[:left_out], *tensor.dims)
        if not spec.accepts_shape(shape):
            raise _mismatch(f"{key}.dims", list(tensor.dims), _any(spec.shape[left_out:]))
        known[tensor.name] = replace(spec, shape=shape)
    return tuple(known.values())


def _mismatch(key: str, found: object, allowed: object) -> ModelConfigError:
    return ModelConfigError(f"{key}: found {found}, allowed by the model: {allowed}")


def _any(shape: tuple[int, ...]) -> str:
    return f"{list(shape)}" + (", where -1 is any size" if -1 in shape else "")
