"""Whether padding that a config declares leaves the answers as they are, and what to cut back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from longshore.batching.padding import Axis, PaddingPlan
from longshore.errors import ModelConfigError
from longshore.execution.batch_proof import agrees
from longshore.execution.declared_signature import batch_axes
from longshore.execution.sample_inputs import SampleMaker
from longshore.repository.model_config import ModelConfig, Padding
from longshore.tensors import Signature, Tensors, TensorSpec

LENGTHS = (5, 7)
PADDED_LENGTH = 11
"""Lengths tried when the config names no buckets."""


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
    inputs = tuple(spec for spec in signature.inputs if spec.name not in masks)
    return Signature(inputs, signature.outputs)


def prove_padding(
    plan: PaddingPlan, run: Callable[[Tensors], Tensors], maker: SampleMaker
) -> tuple[PaddingPlan | None, str]:
    """The plan with its output axes, or `None` and the reason why padding changes the answers.

    `run` takes the inputs with their masks.
    """
    lengths = {axis: _lengths(padding) for axis, padding in plan.inputs.items()}
    try:
        for index in (0, 1):
            fixed = {axis: sizes[index] for axis, sizes in lengths.items()}
            inputs = replace(maker, fixed=fixed).make(1, seed=index + 1)
            bare = PaddingPlan({}, plan.masks)
            wanted = run(bare.combine([inputs]))
            plan = replace(plan, outputs=_following_axes(wanted, fixed, plan, is_first=index == 0))
            reason = _objection(plan, run, inputs, wanted)
            if reason:
                return None, reason
    except Exception as error:
        return None, f"the padded model fails: {error}"
    return plan, ""


def _lengths(padding: Padding) -> tuple[int, int, int]:
    if padding.buckets and padding.buckets[0] > 2:
        return padding.buckets[0] - 2, padding.buckets[0] - 1, padding.buckets[0]
    return (*LENGTHS, PADDED_LENGTH)


def _following_axes(
    outputs: Tensors, fixed: dict[Axis, int], plan: PaddingPlan, *, is_first: bool
) -> dict[Axis, Axis]:
    """Output axes as long as a padded input axis, for both lengths that are tried."""
    following = {
        (name, axis): source
        for name, array in outputs.items()
        for axis, size in enumerate(array.shape)
        for source, length in fixed.items()
        if axis > 0 and size == length
    }
    return following if is_first else {k: v for k, v in following.items() if k in plan.outputs}


def _objection(
    plan: PaddingPlan, run: Callable[[Tensors], Tensors], inputs: Tensors, wanted: Tensors
) -> str:
    longest = {axis: _lengths(padding)[2] for axis, padding in plan.inputs.items()}
    forced = {
        axis: replace(padding, buckets=(longest[axis],)) for axis, padding in plan.inputs.items()
    }
    outputs = run(replace(plan, inputs=forced).combine([inputs]))
    found = plan.trim(outputs, inputs)
    for name, array in wanted.items():
        if found[name].shape != array.shape:
            return f"output '{name}' keeps the padded length"
        if not agrees(found[name], array):
            return f"output '{name}' changes when its inputs are padded"
    return ""
