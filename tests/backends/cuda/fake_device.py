"""A device whose streams run as late and in as bad an order as a real one may.

Nothing that is queued happens before the host synchronises, and then the streams advance in a
random interleaving that keeps only what was promised: the order within a stream, and the waits.
Whatever the pipeline does not order goes wrong here, and what could have gone wrong is an
assertion: pinned memory that is written while a copy from it is queued, or read before the copy to
it has happened; an event that is asked for its time before it has one. Outputs that nobody holds
any more are overwritten by the stream that computes, as a caching allocator would give their memory
to the next launch.
"""

from __future__ import annotations

import random
import weakref
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from longshore.backends.cuda.pipeline import STREAMS


@dataclass(eq=False)
class FakeEvent:
    has_happened: bool = False
    at_seconds: float = 0.0


@dataclass(eq=False)
class FakeTensor:
    """Device memory seen as an array; valid only once the streams have written it."""

    memory: np.ndarray
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def array(self) -> np.ndarray:
        size = int(np.prod(self.shape)) * self.dtype.itemsize
        return self.memory[:size].view(self.dtype).reshape(self.shape)


Model = Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]


class FakeDevice:
    """`log` lists the calls of the host in order: (operation, stream)."""

    def __init__(self, model: Model, *, seed: int = 0, compute_seconds: float = 0.01) -> None:
        self._model = model
        self._random = random.Random(seed)
        self._queues: dict[str, deque[Callable[[], bool]]] = {name: deque() for name in STREAMS}
        self._compute_seconds = compute_seconds
        self.now = 0.0
        self.log: list[tuple[str, str]] = []
        self.allocations: list[tuple[str, int]] = []
        self.launch_error: Exception | None = None
        self.synchronize_error: Exception | None = None
        self._queued: Counter[int] = Counter()
        """Copies that are queued and not done, by the id of their pinned memory."""

    def allocate_pinned(self, size: int) -> np.ndarray:
        self.allocations.append(("pinned", size))
        return np.full(size, 0xEE, np.uint8)

    def allocate_device(self, size: int) -> np.ndarray:
        self.allocations.append(("device", size))
        return np.full(size, 0xDD, np.uint8)

    def fill(self, pinned: np.ndarray, array: np.ndarray) -> None:
        self.log.append(("fill", "host"))
        assert not self._queued[id(pinned)], "pinned memory is written while it is being copied"
        pinned[: array.nbytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)

    def copy_in(self, pinned: np.ndarray, memory: np.ndarray, array: np.ndarray) -> FakeTensor:
        size = array.nbytes

        def copy() -> None:
            memory[:size] = pinned[:size]
            self._queued[id(pinned)] -= 1

        self._queued[id(pinned)] += 1
        self._queue("in", "copy_in", copy)
        return FakeTensor(memory, array.dtype, array.shape)

    def launch(
        self, inputs: Mapping[str, FakeTensor], output_names: Sequence[str]
    ) -> dict[str, FakeTensor]:
        if self.launch_error is not None:
            raise self.launch_error
        shapes = self._model({n: np.ones(t.shape, t.dtype) for n, t in inputs.items()})
        outputs = {
            name: FakeTensor(np.full(shapes[name].nbytes, 0xCC, np.uint8), shapes[name].dtype,
                             shapes[name].shape)
            for name in output_names
        }  # fmt: skip

        given, targets = _views(inputs), _views(outputs)

        def compute() -> None:
            self.now += self._compute_seconds
            results = self._model({name: array.copy() for name, array in given.items()})
            for name, target in targets.items():
                target[...] = results[name]

        self._queue("compute", "launch", compute)
        for output in outputs.values():
            weakref.finalize(output, self._reuse, output.memory)
        return outputs

    def _reuse(self, memory: np.ndarray) -> None:
        def overwrite() -> bool:
            memory[:] = 0xBB
            return True

        self._queues["compute"].append(overwrite)

    def computing(self) -> AbstractContextManager[None]:
        return nullcontext()

    def send_now(self, inputs: Mapping[str, np.ndarray]) -> dict[str, FakeTensor]:
        return {
            name: FakeTensor(
                np.ascontiguousarray(array).reshape(-1).view(np.uint8).copy(),
                array.dtype,
                array.shape,
            )
            for name, array in inputs.items()
        }

    def size_of(self, output: FakeTensor) -> int:
        return output.memory.nbytes

    def copy_out(self, output: FakeTensor, pinned: np.ndarray) -> Any:
        memory = output.memory

        def copy() -> None:
            pinned[: memory.nbytes] = memory
            self._queued[id(pinned)] -= 1

        self._queued[id(pinned)] += 1
        self._queue("out", "copy_out", copy)
        return FakeTensor(pinned, output.dtype, output.shape)

    def read(self, returned: FakeTensor) -> np.ndarray:
        self.log.append(("read", "host"))
        assert not self._queued[id(returned.memory)], "read before the copy has happened"
        return returned.array.copy()

    def record(self, stream: str) -> FakeEvent:
        event = FakeEvent()

        def happen() -> None:
            event.has_happened, event.at_seconds = True, self.now

        self._queue(stream, "record", happen)
        return event

    def wait(self, stream: str, event: FakeEvent) -> None:
        self.log.append(("wait", stream))
        self._queues[stream].append(lambda: event.has_happened)

    def synchronize(self, event: FakeEvent) -> None:
        self.log.append(("synchronize", "host"))
        if self.synchronize_error is not None:
            raise self.synchronize_error
        while not event.has_happened:
            assert self._advance(), "the streams wait for one another for ever"

    def elapsed_seconds(self, start: FakeEvent, end: FakeEvent) -> float:
        assert start.has_happened
        assert end.has_happened
        return end.at_seconds - start.at_seconds

    def asked(self, *operations: str) -> list[str]:
        return [operation for operation, _ in self.log if operation in operations]

    def _queue(self, stream: str, operation: str, work: Callable[[], None]) -> None:
        self.log.append((operation, stream))

        def run() -> bool:
            work()
            return True

        self._queues[stream].append(run)

    def _advance(self) -> bool:
        """One step of one stream that can go on, any of them."""
        names = [name for name, queue in self._queues.items() if queue]
        self._random.shuffle(names)
        for name in names:
            if self._queues[name][0]():
                self._queues[name].popleft()
                return True
        return False


def _views(tensors: Mapping[str, FakeTensor]) -> dict[str, np.ndarray]:
    return {name: tensor.array for name, tensor in tensors.items()}
