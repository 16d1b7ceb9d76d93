"""Programs of torch.export (`model.pt2`): they say their signature, nested or not."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch.export.passes import move_to_device_pass

from longshore.backends.base import Device
from longshore.backends.pytorch.archive import safe_pt2
from longshore.backends.pytorch.exported_signature import ExportedInputs, ExportedOutputs
from longshore.backends.pytorch.program import Program, refused
from longshore.repository.integrity import VerifiedArtifact
from longshore.repository.model_config import ModelConfig
from longshore.tensors import Signature

logger = logging.getLogger(__name__)


def open_exported(verified: VerifiedArtifact, config: ModelConfig, device: Device) -> Program:
    """Open an archive of torch.export.save on `device`.

    Raises:
        ModelLoadError: not such an archive, or a part of it cannot be served.
    """
    path = verified.artifact.path
    with verified.open() as file:
        copy = safe_pt2(file, path=path, progress=verified.progress)
    try:
        exported = torch.export.load(copy)
        if device.kind != "cpu":
            exported = move_to_device_pass(exported, str(device))
        inputs, outputs = ExportedInputs(exported, config), ExportedOutputs(exported, config)
        module = exported.module()
        if device.kind != "cpu" and device.options.compiles:
            module = torch.compile(module)
    except Exception as error:  # the loader raises almost anything
        raise refused(path, error, device) from error
    signature = Signature(
        tuple(inputs.specs), tuple(outputs.specs), (*inputs.left_out, *outputs.left_out)
    )
    for part in signature.left_out:
        logger.warning("%s: not served: %s", path, part)

    def call(tensors: Mapping[str, Any]) -> dict[str, Any]:
        args, kwargs = inputs.arguments(tensors)
        return outputs.read(module(*args, **kwargs))

    return Program(signature, call)
