"""Whether padding that a config declares leaves the answers as they are, and what to cut back."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from longshore.batching.padding import Axis, PaddingPlan
from longshore.loading.budget import BudgetSpent
from longshore.loading.proof.agreement import agrees, tolerances
from longshore.loading.proof.sample_inputs import SampleMaker
from longshore.repository.model_config import Padding
from longshore.tensors import Tensors

LENGTHS = (5, 7)
PROVEN_ROWS = 4
"""A column of so many is enough to judge its elements by."""
PADDED_LENGTH = 11
"""Lengths tried when the config names no buckets."""


def prove_padding(
    plan: PaddingPlan, run: Callable[[Tensors], Tensors], maker: SampleMaker
) -> tuple[PaddingPlan | None, str]:
    """The plan with its output axes, or `None` and the reason why padding changes the answers.

    `run` takes the inputs with their masks.

    Raises:
        BudgetSpent: `run` did.
    """
    lengths = {axis: _lengths(padding) for axis, padding in plan.inputs.items()}
    try:
        for index in (0, 1):
            fixed = {axis: sizes[index] for axis, sizes in lengths.items()}
            inputs = replace(maker, fixed=fixed).make(PROVEN_ROWS, seed=index + 1)
            bare = PaddingPlan({}, plan.masks)
            wanted = run(bare.combine([inputs]))
            plan = replace(plan, outputs=_following_axes(wanted, fixed, plan, is_first=index == 0))
            reason = _objection(plan, run, inputs, wanted)
            if reason:
                return None, reason
    except BudgetSpent:
        raise
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
        if not agrees(found[name], array, tolerances(array)):
            return f"output '{name}' changes when its inputs are padded"
    return ""
