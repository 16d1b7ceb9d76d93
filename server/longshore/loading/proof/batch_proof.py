"""Batching is proven, not assumed.

A dynamic first axis is not a batch axis: sequence models whose first axis is time, outputs reduced
over the batch, detectors whose row count depends on the data, states with the batch on axis 1 all
accept several requests at once and answer wrongly, and only under concurrency.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec import Struct

from longshore.loading.budget import BudgetSpent
from longshore.loading.proof.agreement import first_difference, tolerances
from longshore.loading.proof.sample_inputs import Maker
from longshore.tensors import Signature, Tensors

COMPANIES = ((0, 1, 2), (2, 3, 0, 1), (3, 1), (4, 4, 0))
"""Rows (by seed) that are run together; each row appears in changing company and position."""

_ROWS = sorted({row for company in COMPANIES for row in company})


class BatchProof(Struct, frozen=True):
    """Whether requests may share a batch."""

    is_proven: bool
    reason: str = ""
    """Why not, in a clause that follows "not batched: "."""


def prove_batching(
    signature: Signature, run: Callable[[Tensors], Tensors], maker: Maker
) -> BatchProof:
    """Whether rows may be computed together: every output carries the batch on axis 0 and each row
    of it is what the row gives alone, within tolerance.

    Raises:
        BudgetSpent: `run` did.
    """
    reason = _structural_objection(signature)
    if reason:
        return BatchProof(False, reason)
    inputs = {row: maker.make(1, seed=row + 1) for row in _ROWS}
    if all(_is_same(inputs[row], inputs[0]) for row in _ROWS):
        return BatchProof(False, "the samples have one row, where a proof needs rows that differ")
    try:
        alone = {row: run(inputs[row]) for row in _ROWS}
        allowed = _tolerances(alone)
        for company in COMPANIES:
            together = run(_concatenate([inputs[row] for row in company]))
            reason = _disagreement(together, [(alone[row], allowed[row]) for row in company])
            if reason:
                return BatchProof(False, reason)
    except BudgetSpent:
        raise
    except Exception as error:
        return BatchProof(False, f"a batch of several rows fails: {error}")
    return BatchProof(True)


def executions_of_proof() -> int:
    return len(_ROWS) + len(COMPANIES)


def _structural_objection(signature: Signature) -> str:
    for kind, specs in (("input", signature.inputs), ("output", signature.outputs)):
        for spec in specs:
            if not spec.shape or spec.shape[0] != -1:
                return f"{kind} '{spec.name}' has shape {list(spec.shape)}, whose axis 0 is fixed"
    return ""


def _concatenate(inputs: list[Tensors]) -> Tensors:
    return {name: np.concatenate([tensors[name] for tensors in inputs]) for name in inputs[0]}


def _is_same(one: Tensors, other: Tensors) -> bool:
    return all(np.array_equal(array, other[name]) for name, array in one.items())


def _tolerances(alone: dict[int, Tensors]) -> dict[int, Tensors]:
    """For each row and output; nothing where the rows have different shapes, which is an objection
    of its own.
    """
    allowed: dict[int, Tensors] = {row: {} for row in alone}
    for name, first in alone[_ROWS[0]].items():
        arrays = [alone[row][name] for row in _ROWS]
        if first.ndim and all(array.shape == (1, *first.shape[1:]) for array in arrays):
            for row, tolerance in zip(_ROWS, tolerances(np.concatenate(arrays)), strict=True):
                allowed[row][name] = tolerance
    return allowed


def _disagreement(together: Tensors, alone: list[tuple[Tensors, Tensors]]) -> str:
    for name, array in together.items():
        if array.ndim == 0 or len(array) != len(alone):
            return f"output '{name}' has shape {list(array.shape)} for a batch of {len(alone)}"
        for index, (tensors, allowed) in enumerate(alone):
            single = tensors[name]
            if single.shape != (1, *array.shape[1:]) or name not in allowed:
                return (
                    f"output '{name}' has shape {list(single.shape)} alone and "
                    f"{list(array.shape)} in a batch of {len(alone)}"
                )
            difference = first_difference(array[index : index + 1], single, allowed[name])
            if difference:
                return (
                    f"a row of output '{name}' depends on the other rows of its batch: {difference}"
                )
    return ""
