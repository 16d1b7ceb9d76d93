"""Rows of one or more requests that are computed in one execution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from longshore.batching.padding import PaddingPlan
from longshore.batching.pending_request import PendingRequest
from longshore.errors import InferenceFailed
from longshore.tensors import Tensors


class BatchPart(Struct, eq=False):
    """Rows `start` to `stop` of one request."""

    request: PendingRequest
    start: int
    stop: int

    @property
    def rows(self) -> int:
        return self.stop - self.start

    @property
    def is_whole(self) -> bool:
        return self.rows == self.request.rows

    def inputs(self) -> Tensors:
        if self.stop - self.start == self.request.rows:
            return self.request.inputs
        return {name: array[self.start : self.stop] for name, array in self.request.inputs.items()}


class Batch(Struct, eq=False):
    """The unit that an instance executes; all parts belong to requests of one group."""

    parts: Sequence[BatchPart]
    padding: PaddingPlan | None = None
    is_alone: bool = False
    """Whether no other was being executed or waited when an instance took it."""
    number: int = 0
    """Among those that were taken from the queue, from 1 on."""

    @property
    def rows(self) -> int:
        rows = 0
        for part in self.parts:
            rows += part.stop - part.start
        return rows

    def input_bytes(self) -> int:
        total = 0
        for part in self.parts:
            request = part.request
            for array in request.inputs.values():
                total += array.nbytes * (part.stop - part.start) // request.rows
        return total

    def output_names(self) -> tuple[str, ...]:
        """Every output that one of the requests asked for."""
        first = self.parts[0].request.output_names
        for part in self.parts:
            if part.request.output_names != first:
                names = (name for other in self.parts for name in other.request.output_names)
                return tuple(dict.fromkeys(names))
        return first

    def concatenate(self) -> Tensors:
        """The inputs of all parts along axis 0; a lone part is passed on without a copy."""
        if self.padding is None and len(self.parts) == 1:
            return self.parts[0].inputs()
        pieces = [part.inputs() for part in self.parts]
        if self.padding is None:
            return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
        return self.padding.combine(pieces)

    def split(self, outputs: Tensors) -> list[Tensors]:
        """The rows of `outputs` that belong to each part, as views.

        Raises:
            InferenceFailed: an output does not have one row for each row of the batch.
        """
        if len(self.parts) == 1 and self.parts[0].is_whole and self.padding is None:
            return [outputs]
        rows = self.rows
        for name, array in outputs.items():
            if array.ndim == 0 or len(array) != rows:
                raise InferenceFailed(
                    f"output '{name}' has shape {list(array.shape)} for a batch of {rows} rows; "
                    "the model does not carry the batch on axis 0"
                )
        answers = []
        offset = 0
        for part in self.parts:
            end = offset + part.stop - part.start
            names = part.request.output_names
            answer = {name: outputs[name][offset:end] for name in names}
            if self.padding is not None:
                answer = self.padding.trim(answer, part.request.inputs)
            answers.append(answer)
            offset = end
        return answers

    def fail(self, error: Exception) -> None:
        """Answer all its requests with `error`; runs on the event loop."""
        for part in self.parts:
            part.request.fail(error)

    def halves(self) -> tuple[Batch, Batch]:
        """The rows in two batches, for a device that has no memory for all of them at once; a
        request across the middle is cut.
        """
        first: list[BatchPart] = []
        second: list[BatchPart] = []
        room = self.rows // 2
        for part in self.parts:
            middle = part.start + min(room, part.rows)
            room -= middle - part.start
            if middle > part.start:
                first.append(BatchPart(part.request, part.start, middle))
            if middle < part.stop:
                second.append(BatchPart(part.request, middle, part.stop))
        return Batch(first, self.padding), Batch(second, self.padding)

    def alone(self) -> list[Batch]:
        """The same parts as batches of one, to find the request that makes an execution fail."""
        return [Batch((part,), self.padding) for part in self.parts]
