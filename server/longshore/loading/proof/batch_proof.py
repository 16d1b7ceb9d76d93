"""Batching is proven, not assumed.

A dynamic first axis is not a batch axis: sequence models whose first axis is time, outputs reduced
over the batch, detectors whose row count depends on the data, states with the batch on axis 1 all
accept several requests at once and answer wrongly, and only under concurrency.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from longshore.loading.proof.sample_inputs import SampleMaker
from longshore.tensors import Array, Signature, Tensors

COMPANIES = ((0, 1, 2), (2, 3, 0, 1), (3, 1), (4, 4, 0))
"""Rows (by seed) that are run together; each row appears in changing company and position."""
TOLERANCES = {2: 1e-2, 4: 1e-3, 8: 1e-6}
"""Relative to the largest value of the output, by bytes of the float: kernels for different batch
sizes add up in different orders."""


@dataclass(frozen=True, slots=True)
class BatchProof:
    """Whether requests may share a batch."""

    is_proven: bool
    reason: str = ""
    """Why not, in a clause that follows "not batched: "."""


def prove_batching(
    signature: Signature, run: Callable[[Tensors], Tensors], maker: SampleMaker
) -> BatchProof:
    """Whether rows may be computed together: every output carries the batch on axis 0 and each row
    of it is what the row gives alone, within tolerance.
    """
    reason = _structural_objection(signature)
    if reason:
        return BatchProof(False, reason)
    rows = sorted({row for company in COMPANIES for row in company})
    inputs = {row: maker.make(1, seed=row + 1) for row in rows}
    try:
        alone = {row: run(inputs[row]) for row in rows}
        for company in COMPANIES:
            together = run(_concatenate([inputs[row] for row in company]))
            reason = _disagreement(together, [alone[row] for row in company])
            if reason:
                return BatchProof(False, reason)
    except Exception as error:
        return BatchProof(False, f"a batch of several rows fails: {error}")
    return BatchProof(True)


def _structural_objection(signature: Signature) -> str:
    for kind, specs in (("input", signature.inputs), ("output", signature.outputs)):
        for spec in specs:
            if not spec.shape or spec.shape[0] != -1:
                return f"{kind} '{spec.name}' has shape {list(spec.shape)}, whose axis 0 is fixed"
    return ""


def _concatenate(inputs: list[Tensors]) -> Tensors:
    return {name: np.concatenate([tensors[name] for tensors in inputs]) for name in inputs[0]}


def _disagreement(together: Tensors, alone: list[Tensors]) -> str:
    for name, array in together.items():
        if array.ndim == 0 or len(array) != len(alone):
            return f"output '{name}' has shape {list(array.shape)} for a batch of {len(alone)}"
        for index, tensors in enumerate(alone):
            single = tensors[name]
            if single.shape != (1, *array.shape[1:]):
                return (
                    f"output '{name}' has shape {list(single.shape)} alone and "
                    f"{list(array.shape)} in a batch of {len(alone)}"
                )
            if not agrees(array[index], single[0]):
                return f"a row of output '{name}' depends on the other rows of its batch"
    return ""


def agrees(found: Array, wanted: Array) -> bool:
    """Whether two arrays of one shape are equal, floats within the tolerance of their width."""
    if found.dtype.kind != "f":
        return bool(np.array_equal(found, wanted))
    finite = wanted[np.isfinite(wanted)]
    scale = float(np.max(np.abs(finite), initial=0.0))
    tolerance = TOLERANCES[found.dtype.itemsize] * scale
    return bool(np.allclose(found, wanted, rtol=0.0, atol=tolerance, equal_nan=True))
