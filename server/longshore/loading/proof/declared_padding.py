"""The padding that a config declares, held against the model's inputs."""

from __future__ import annotations

from msgspec.structs import replace

from longshore.batching.padding import Axis, PaddingPlan
from longshore.errors import ModelConfigError
from longshore.loading.proof.declared_signature import batch_axes
from longshore.repository.model_config import ModelConfig, Padding
from longshore.tensors import LeftOut, Signature, TensorSpec


def declared_padding(config: ModelConfig, signature: Signature) -> PaddingPlan | None:
    """The padding of `config.yaml`, or `None` when it declares none.

    `signature` is one that `declared_signature` gave.

    Raises:
        ModelConfigError: a mask that is not an input of the model, or padding of the batch axis.
    """
    paddings: dict[Axis, Padding] = {}
    masks: dict[Axis, TensorSpec] = {}
    specs = {spec.name: spec for spec in signature.inputs}
    for index, entry in enumerate(config.input):
        left_out = batch_axes(config, entry, specs[entry.name])
        for dim, padding in entry.padding.items():
            key = f"{config.file}: input[{index}].padding.{dim}"
            if dim + left_out == 0:
                raise ModelConfigError(f"{key}: dimension 0 is the batch, which is never padded")
            axis = (entry.name, dim + left_out)
            paddings[axis] = padding
            if padding.mask is None:
                continue
            if padding.mask not in specs:
                known = ", ".join(specs)
                raise ModelConfigError(
                    f"{key}.mask: found {padding.mask!r}, allowed by the model: {known}"
                )
            masks[axis] = specs[padding.mask]
    return PaddingPlan(paddings, masks) if paddings else None


def client_signature(signature: Signature, plan: PaddingPlan | None) -> Signature:
    """What clients see: without the masks that the server fills."""
    if plan is None or not plan.masks:
        return signature
    masks = {spec.name for spec in plan.masks.values()}
    return replace(
        signature,
        inputs=tuple(spec for spec in signature.inputs if spec.name not in masks),
        left_out=(
            *signature.left_out,
            *(
                LeftOut("input", name, "is a mask, which the server fills")
                for name in sorted(masks)
            ),
        ),
    )
