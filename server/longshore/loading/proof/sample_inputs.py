"""Inputs that a model accepts, made from its signature alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Protocol

import numpy as np
from msgspec import Struct

from longshore.batching.padding import PaddingPlan
from longshore.errors import OutOfDeviceMemory
from longshore.loading.budget import BudgetSpent
from longshore.tensors import Array, Datatype, Signature, Tensors, TensorSpec, element_count

DIMENSION_CANDIDATES = (16, 32, 128, 224, 1)
"""Tried in this order for a dimension that may vary; image models want 32 or more, some only 1."""
MOST_SAMPLE_BYTES = 16 * 2**20
"""A row whose open dimensions make it larger is not tried; fixed dimensions are what they are."""
INTEGER_BOUNDS = (100, 2)
"""Integers are often indices into a table of unknown size: try below 100, then 0 and 1."""
MOST_NUMBERS = 2**20
"""Drawn anew for one tensor; a longer one repeats them."""
SAFE_INTEGER_BOUNDS = (2,)
"""For where a wrong index is no exception but the loss of the device."""


class SampleMaker(Struct, frozen=True):
    """Makes random inputs of one shape family; the same seed gives the same inputs."""

    signature: Signature
    dimension: int
    """Stands in for every dimension that may vary, axis 0 of a batch excepted."""
    integer_bound: int
    fixed: Mapping[tuple[str, int], int] | None = None
    """Sizes by (input, axis) that override `dimension` (the buckets of declared padding)."""

    def make(self, rows: int, seed: int) -> Tensors:
        generator = Random(seed)
        return {
            spec.name: _random(spec, self.shape(spec, rows), self.integer_bound, generator)
            for spec in self.signature.inputs
        }

    def shape(self, spec: TensorSpec, rows: int) -> tuple[int, ...]:
        sizes = self.fixed or {}
        return tuple(
            (rows if axis == 0 else sizes.get((spec.name, axis), self.dimension))
            if size == -1
            else size
            for axis, size in enumerate(spec.shape)
        )


class Maker(Protocol):
    """Makes inputs that a model accepts."""

    def make(self, rows: int, seed: int) -> Tensors: ...


class MaskedMaker(Struct, frozen=True):
    """With the masks that no client sends: as the model itself takes its inputs."""

    maker: Maker
    masks: PaddingPlan

    def make(self, rows: int, seed: int) -> Tensors:
        return self.masks.combine([self.maker.make(rows, seed)])


def with_masks(maker: Maker, declared: PaddingPlan | None) -> Maker:
    """Of inputs as the model takes them, where clients leave out the masks of `declared`."""
    return MaskedMaker(maker, PaddingPlan({}, declared.masks)) if declared else maker


def find_sample_maker(
    signature: Signature,
    run: Callable[[Tensors], object],
    errors: list[Exception],
    *,
    integer_bounds: tuple[int, ...] = INTEGER_BOUNDS,
) -> SampleMaker | None:
    """The first way to make inputs that the model runs on. What the ways before it raised is added
    to `errors` at once, so that it is known when `run` is out of budget.

    Raises:
        BudgetSpent, OutOfDeviceMemory: `run` did, and would for others too.
    """
    for maker in _candidates(signature, integer_bounds):
        try:
            run(maker.make(1, seed=0))
        except (BudgetSpent, OutOfDeviceMemory):
            raise
        except Exception as error:
            errors.append(error)
        else:
            return maker
    return None


def unlike_inputs(signature: Signature) -> Iterator[Tensors]:
    """Inputs that differ in rows, sizes and values as much as inputs can."""
    for dimension in candidate_dimensions(signature)[:2]:
        for rows in (1, 2, 3):
            random = SampleMaker(signature, dimension, integer_bound=1000).make(rows, seed=rows)
            yield random
            for number, word in ((0, b"0"), (1, b"1")):
                yield {
                    name: np.full_like(array, word if array.dtype.kind == "O" else number)
                    for name, array in random.items()
                }


def candidate_dimensions(signature: Signature) -> list[int]:
    """What may stand in for open dimensions, without those that make a row too large; the one that
    makes the smallest where all do.
    """
    candidates: tuple[int, ...] = DIMENSION_CANDIDATES
    if all(-1 not in spec.shape[1:] for spec in signature.inputs):
        candidates = DIMENSION_CANDIDATES[:1]
    fitting = [d for d in candidates if _row_bytes(signature, d) <= MOST_SAMPLE_BYTES]
    return fitting or [min(candidates)]


def _row_bytes(signature: Signature, dimension: int) -> int:
    maker = SampleMaker(signature, dimension, integer_bound=1)
    return sum(
        element_count(maker.shape(spec, rows=1)) * spec.datatype.numpy_dtype.itemsize
        for spec in signature.inputs
    )


def _candidates(signature: Signature, integer_bounds: tuple[int, ...]) -> Iterator[SampleMaker]:
    counts = any(np.issubdtype(s.datatype.numpy_dtype, np.integer) for s in signature.inputs)
    for dimension in candidate_dimensions(signature):
        for bound in integer_bounds if counts else integer_bounds[:1]:
            yield SampleMaker(signature, dimension, bound)


def _random(
    spec: TensorSpec, shape: tuple[int, ...], integer_bound: int, generator: Random
) -> Array:
    """Texts and integers below the bound; floats have mean 0 and variance 1.

    By Python's generator: a start would wait some milliseconds for the import of numpy's.
    """
    dtype = spec.datatype.numpy_dtype
    words = _words(shape, generator)
    if spec.datatype is Datatype.BYTES:
        return np.char.encode((words % integer_bound).astype(str), "ascii").astype(object)
    if spec.datatype is Datatype.BOOL:
        return (words % 2).astype(dtype)
    if np.issubdtype(dtype, np.integer):
        return (words % integer_bound).astype(dtype)
    return ((words * np.float32(2.0**-31) - np.float32(1)) * np.float32(3**0.5)).astype(dtype)


def _words(shape: tuple[int, ...], generator: Random) -> Array:
    """32 random bits for each element."""
    count = min(element_count(shape), MOST_NUMBERS)
    words = np.frombuffer(generator.randbytes(4 * count), np.uint32)
    return np.resize(words, shape)
