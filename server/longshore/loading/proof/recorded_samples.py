"""Inputs that the owner of a model recorded: a version that fails on one of them is not served."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from msgspec import Struct, field

from longshore.errors import LongshoreError, ModelLoadError, OutOfDeviceMemory
from longshore.loading.budget import BudgetSpent
from longshore.loading.proof.trial_run import TrialRun
from longshore.tensors import Array, Signature, Tensors

TOLERANCE = 1e-3
"""Of a floating-point output, relative and absolute: another device or library rounds otherwise."""


class RecordedSample(Struct, frozen=True):
    """One request, and what errors call it."""

    origin: str
    inputs: Tensors
    count: int = 1
    expected: Tensors = field(default_factory=dict)
    """Outputs that the model has to give, each flat; those that were recorded."""


class RecordedMaker(Struct, frozen=True):
    """Makes batches of the rows that were recorded, in place of random ones."""

    samples: tuple[Tensors, ...]
    """Of one row each and of one shape; one sample as it is where rows are not an axis."""
    has_rows: bool

    def make(self, rows: int, seed: int) -> Tensors:
        if not self.has_rows:
            return self.samples[seed % len(self.samples)]
        chosen = [self.samples[(seed + row) % len(self.samples)] for row in range(rows)]
        return {name: np.concatenate([c[name] for c in chosen]) for name in chosen[0]}


def run_recorded(samples: list[RecordedSample], run: TrialRun) -> list[Tensors]:
    """Those that were run: all of them, as long as the budget lasts, and the first in any case.

    Raises:
        ModelLoadError: the model fails on one of them, or gives other outputs than were recorded.
        OutOfDeviceMemory: the device has no room for one.
    """
    ran = []
    for sample in samples:
        try:
            for _ in range(max(1, sample.count)):
                _compare(sample, run(sample.inputs))
        except BudgetSpent:
            break
        except OutOfDeviceMemory:
            raise
        except LongshoreError as error:
            raise ModelLoadError(f"{sample.origin}: the model fails on it: {error}") from error
        ran.append(sample.inputs)
    return ran


def _compare(sample: RecordedSample, outputs: Tensors) -> None:
    for name, wanted in sample.expected.items():
        found, what = outputs[name].ravel(), f"{sample.origin}: output '{name}'"
        if len(found) != len(wanted):
            raise ModelLoadError(f"{what}: {len(found)} elements, {len(wanted)} were recorded")
        differs = found != wanted
        if found.dtype.kind == "f":
            differs = ~np.isclose(found, wanted, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        if differs.any():
            index = int(differs.argmax())
            raise ModelLoadError(
                f"{what}: element {index} is {found[index]}, {wanted[index]} was recorded"
            )


def recorded_maker(ran: list[Tensors], signature: Signature) -> RecordedMaker | None:
    """Of the rows of the commonest shape, each once; `None` where nothing was run."""
    if not ran:
        return None
    if any(not spec.shape or spec.shape[0] != -1 for spec in signature.inputs):
        return RecordedMaker(tuple(ran), has_rows=False)
    by_shape: dict[object, dict[object, Tensors]] = defaultdict(dict)
    for inputs in ran:
        for row in range(min(map(len, inputs.values()))):
            single = {name: array[row : row + 1] for name, array in inputs.items()}
            shape = tuple(array.shape for array in single.values())
            by_shape[shape][tuple(_content(array) for array in single.values())] = single
    rows = max(by_shape.values(), key=len)
    return RecordedMaker(tuple(rows.values()), has_rows=True)


def _content(array: Array) -> object:
    return tuple(array.ravel()) if array.dtype.kind == "O" else array.tobytes()
