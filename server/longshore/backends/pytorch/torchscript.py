"""TorchScript (`model.pt`): it says how its inputs are called, and the config the rest."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from longshore.backends.base import Device
from longshore.backends.pytorch.archive import check_torchscript
from longshore.backends.pytorch.program import Program, refused
from longshore.backends.pytorch.script_arguments import ScriptArguments, declarable
from longshore.backends.pytorch.structure import ResultReader, named_parts
from longshore.errors import ModelLoadError
from longshore.repository.integrity import VerifiedArtifact
from longshore.repository.model_config import ModelConfig, ModelInput, ModelOutput
from longshore.tensors import Datatype, Signature, TensorSpec


def open_torchscript(verified: VerifiedArtifact, config: ModelConfig, device: Device) -> Program:
    """Open an archive of torch.jit.save on `device`.

    A config without outputs gives a program that returns every part of the model's result.

    Raises:
        ModelLoadError: not such an archive, or the config does not declare the inputs of `forward`.
    """
    path = verified.artifact.path
    if device.kind != "cpu" and device.options.compiles:
        raise ModelLoadError(f"{path}: torch_compile: TorchScript cannot be compiled; use .pt2")
    module = open_script_module(verified, device)
    if not config.input:
        required, optional = declarable(module)
        known = ", ".join([*required, *(f"{name} (optional)" for name in optional)])
        raise ModelLoadError(
            f"{path}: config.yaml: input: missing; TorchScript does not say the types and sizes of "
            f"its inputs, here {known}; `longshore inspect` prints a config.yaml to begin from"
        )
    arguments = ScriptArguments(module, [tensor.name for tensor in config.input])
    if arguments.faults:
        raise ModelLoadError(f"{path}: config.yaml: input: {'; '.join(arguments.faults)}")
    names = [tensor.name for tensor in config.output]
    read = ResultReader(names).read if names else named_parts

    def call(tensors: Mapping[str, Any]) -> dict[str, Any]:
        return read(module(**arguments.build(tensors)))

    signature = Signature(configured(config.input, config), configured(config.output, config))
    for spec in (*signature.inputs, *signature.outputs):
        if spec.datatype is Datatype.BYTES:
            raise ModelLoadError(f"{path}: '{spec.name}' is BYTES, and torch has no text tensors")
    return Program(signature, call)


def open_script_module(verified: VerifiedArtifact, device: Device) -> Any:
    """The module in evaluation mode.

    Raises:
        ModelLoadError: not an archive of torch.jit.save, or torch does not load it.
    """
    path = verified.artifact.path
    with verified.open() as file:
        check_torchscript(file, path=path)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"`torch\.jit\.", category=DeprecationWarning)
            module = torch.jit.load(str(verified.path), map_location=str(device)).eval()
    except Exception as error:  # the loader raises almost anything
        raise refused(path, error, device) from error
    if not hasattr(module, "forward"):
        raise ModelLoadError(f"{path}: the module has no `forward`, which is what is served")
    return module


def configured(
    tensors: Sequence[ModelInput | ModelOutput], config: ModelConfig
) -> tuple[TensorSpec, ...]:
    """As the model takes and gives them: with the batch axis, where `dims` leave it out."""
    batch = (-1,) if config.max_batch_size else ()
    return tuple(TensorSpec(t.name, t.data_type, (*batch, *t.dims)) for t in tensors)
