"""A request that waits for its rows to be computed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Hashable

import numpy as np
from msgspec import Struct

from longshore.errors import InferenceFailed, RequestTimeout
from longshore.tensors import Array, Tensors


class PendingRequest(Struct, eq=False):
    """One request between admission and answer.

    `future` belongs to the event loop; the other fields are written by the queue and by the
    instance that computes the rows, never by two at once.
    """

    inputs: Tensors
    rows: int
    """Length of axis 0 of every input; 1 for a model that is served unbatched."""
    group: Hashable
    """Requests of equal groups may share a batch (same shape beyond axis 0, after padding)."""
    output_names: tuple[str, ...]
    arrived: float
    admitted: float
    """When it was queued: `arrived` and the reading of the body were before."""
    deadline: float
    """Monotonic seconds, as `arrived`."""
    future: asyncio.Future[Tensors]
    on_release: Callable[[PendingRequest], None]
    """Called once, on the event loop, when the request is answered or given up."""
    timer: asyncio.TimerHandle | None = None
    is_released: bool = False
    started: float | None = None
    """When its first row was handed to an instance."""
    input_seconds: float = 0.0
    infer_seconds: float = 0.0
    output_seconds: float = 0.0
    """Of the executions of its rows, by phase; added up where there were several, one after the
    other."""
    computed_until: float = -math.inf
    """Monotonic seconds up to which those executions are counted."""
    rows_taken: int = 0
    rows_computed: int = 0
    parts: list[tuple[int, Tensors]] | None = None
    """Outputs of the rows from the index given, for a request that was split."""
    record: object = None
    """What is kept of the request by who tells of it later; nothing here looks into it."""

    @property
    def rows_left(self) -> int:
        return self.rows - self.rows_taken

    @property
    def queue_seconds(self) -> float:
        """From its admission to the execution of its first row."""
        return 0.0 if self.started is None else self.started - self.admitted

    @property
    def is_abandoned(self) -> bool:
        """Nobody waits for the answer any more: the client gave up, or the deadline passed."""
        return self.future.done()

    def is_wanted(self, now: float) -> bool:
        """Somebody waits for the answer, and the deadline has not passed."""
        return now < self.deadline and not self.future.done()

    def add_part(self, start: int, rows: int, outputs: Tensors) -> Tensors | None:
        """Keep the outputs of `rows` rows from `start`; returns all of them once all are there.

        Raises:
            InferenceFailed: the parts of an output differ in more than their rows.
        """
        if rows == self.rows:
            return outputs
        parts = self.parts = self.parts or []
        parts.append((start, outputs))
        self.rows_computed += rows
        if self.rows_computed < self.rows:
            return None
        parts.sort(key=lambda part: part[0])
        return {name: _join(name, [part[name] for _, part in parts]) for name in self.output_names}

    def succeed(self, outputs: Tensors) -> None:
        if not self.future.done():
            self.future.set_result(outputs)
        self.release()

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)
        self.release()

    def abandon(self) -> None:
        """Nobody waits any more: what is not yet running will not run."""
        self.future.cancel()
        self.release()

    def release(self) -> None:
        """Take its rows out of the count of admitted rows, once."""
        if not self.is_released:
            self.is_released = True
            if self.timer is not None:
                self.timer.cancel()
            self.on_release(self)

    def expire(self) -> None:
        """Answer that the deadline has passed; runs on the event loop."""
        waited = self.deadline - self.arrived
        doing = "queued" if self.started is None else "running"
        self.fail(
            RequestTimeout(f"the deadline of {waited:g} s passed while the request was {doing}")
        )


def _join(name: str, arrays: list[Array]) -> Array:
    if len({array.shape[1:] for array in arrays}) > 1:
        shapes = ", ".join(str(list(array.shape)) for array in arrays)
        raise InferenceFailed(
            f"output '{name}' cannot be joined: the request has more rows than a batch, and the "
            f"outputs of its parts have the shapes {shapes}"
        )
    return np.concatenate(arrays)
