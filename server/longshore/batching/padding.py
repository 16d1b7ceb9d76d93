"""Padding that a model's config declares, so that requests of different lengths share a batch."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from msgspec import Struct, field

from longshore.repository.model_config import Padding
from longshore.tensors import Array, Tensors, TensorSpec

Axis: TypeAlias = tuple[str, int]
"""Name of a tensor and an axis of it, the batch axis counted as 0."""


class PaddingPlan(Struct, frozen=True):
    """Which input axes are filled up, and which output axes are cut back to the real length."""

    inputs: Mapping[Axis, Padding]
    masks: Mapping[Axis, TensorSpec] = field(default_factory=dict)
    """Inputs of shape [rows, length] that the server fills: 1 on the real part, 0 on padding."""
    outputs: Mapping[Axis, Axis] = field(default_factory=dict)
    """The output axis that follows an input axis, found by the proof."""

    def group(self, inputs: Tensors) -> Hashable:
        """Shapes beyond axis 0, each padded dimension replaced by its bucket."""
        return tuple(
            tuple(
                self._target(name, axis, size) if (name, axis) in self.inputs else size
                for axis, size in enumerate(array.shape[1:], start=1)
            )
            for name, array in sorted(inputs.items())
        )

    def combine(self, pieces: Sequence[Tensors]) -> Tensors:
        """Rows of all `pieces`, each filled up to its bucket or to the longest, and their masks."""
        combined = {
            name: self._concatenate(name, [piece[name] for piece in pieces]) for name in pieces[0]
        }
        for (name, axis), spec in self.masks.items():
            lengths = [piece[name].shape[axis] for piece in pieces for _ in piece[name]]
            positions = np.arange(combined[name].shape[axis])
            is_real = positions[None, :] < np.asarray(lengths)[:, None]
            combined[spec.name] = is_real.astype(spec.datatype.numpy_dtype)
        return combined

    def trim(self, outputs: Tensors, inputs: Tensors) -> Tensors:
        """Cut the outputs of one request back to the lengths that its own inputs had."""
        trimmed = dict(outputs)
        for (name, axis), (source, source_axis) in self.outputs.items():
            if name in trimmed:
                length = inputs[source].shape[source_axis]
                trimmed[name] = trimmed[name][(slice(None),) * axis + (slice(length),)]
        return trimmed

    def _concatenate(self, name: str, arrays: Sequence[Array]) -> Array:
        shape = [max(sizes) for sizes in zip(*(array.shape[1:] for array in arrays), strict=True)]
        value = 0.0
        for axis, size in enumerate(shape, start=1):
            if (name, axis) in self.inputs:
                value = self.inputs[name, axis].value
                shape[axis - 1] = self._target(name, axis, size) or size
        if all(array.shape[1:] == tuple(shape) for array in arrays):
            return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
        filled = np.full((sum(map(len, arrays)), *shape), value, dtype=arrays[0].dtype)
        start = 0
        for array in arrays:
            rows = slice(start, start + len(array))
            filled[(rows, *map(slice, array.shape[1:]))] = array
            start += len(array)
        return filled

    def _target(self, name: str, axis: int, size: int) -> int:
        """The bucket that holds `size`, `size` itself above the last, 0 for "the longest"."""
        buckets = self.inputs[name, axis].buckets
        if not buckets:
            return 0
        index = bisect_left(buckets, size)
        return buckets[index] if index < len(buckets) else size
