"""CUDA graphs of an onnxruntime session, by its `gpu_graph_id`.

onnxruntime runs a graph's first executions as usual, captures the third and replays from then on,
by the thread that captured and over the memory that was bound then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from itertools import count

import numpy as np

from longshore.backends.cuda.graphs import GraphDevice
from longshore.backends.cuda.runtime import GpuMemory
from longshore.backends.ort.cuda import OnnxModel, OnnxStreams, OnnxTensor, run_options
from longshore.tensors import Array

_RUNS_TO_CAPTURE, _TIMED_RUNS = 3, 5
_TOLERANCE = 1e-4
"""Relative to the largest value of the output; the same kernels run in the same order."""


class OnnxGraphs(GraphDevice):
    """Captures the model; everything here runs on the stream compute."""

    def __init__(self, model: OnnxModel, streams: OnnxStreams) -> None:
        self._model = model
        self._streams = streams
        self._ids = count(1)
        self._pool = _MemoryPool(streams.allocate_device)

    def capture(self, inputs: Mapping[str, OnnxTensor]) -> OnnxGraph:
        static = self.copy(inputs)
        outputs = self.copy(self.forward(static))
        binding = self._model.bind(static, outputs)
        options = run_options(next(self._ids))
        for _ in range(_RUNS_TO_CAPTURE):
            self._model.run(binding, options)
        return OnnxGraph(self, static, outputs, lambda: self._model.run(binding, options))

    def forward(self, inputs: Mapping[str, OnnxTensor]) -> dict[str, OnnxTensor]:
        return self._model.forward(inputs)

    def copy(self, inputs: Mapping[str, OnnxTensor]) -> dict[str, OnnxTensor]:
        return {name: self.copied(tensor, tensor.shape) for name, tensor in inputs.items()}

    def vary(self, inputs: Mapping[str, OnnxTensor]) -> dict[str, OnnxTensor]:
        fetch = self._streams.fetch_now
        return self._streams.send_now({name: _varied(fetch(t)) for name, t in inputs.items()})

    def seconds(self, run: Callable[[], object]) -> float:
        streams = self._streams
        run()
        start = streams.record("compute")
        for _ in range(_TIMED_RUNS):
            run()
        end = streams.record("compute")
        streams.synchronize(end)
        return streams.elapsed_seconds(start, end) / _TIMED_RUNS

    def difference(
        self, found: Mapping[str, OnnxTensor], wanted: Mapping[str, OnnxTensor]
    ) -> str | None:
        for name, expected in wanted.items():
            if found[name].shape != expected.shape:
                return f"output '{name}' has another shape"
            pair = self._streams.fetch_now(found[name]), self._streams.fetch_now(expected)
            if not _is_close(*pair):
                return f"output '{name}' differs from that of the model by more than its tolerance"
        return None

    def write(self, source: OnnxTensor, target: OnnxTensor) -> None:
        """Queue a copy of what both have."""
        self._streams.copy_now(source, target)

    def copied(self, tensor: OnnxTensor, shape: tuple[int, ...]) -> OnnxTensor:
        """The beginning of `tensor` in memory that is given back when the copy is dropped."""
        loan = self._pool.borrow(tensor.nbytes)
        copy = OnnxTensor(loan.memory.address, tensor.dtype, shape, loan)
        self._streams.copy_now(tensor, copy)
        return copy


class OnnxGraph:
    """A captured pass over memory of its own."""

    def __init__(
        self,
        graphs: OnnxGraphs,
        inputs: dict[str, OnnxTensor],
        outputs: dict[str, OnnxTensor],
        run: Callable[[], None],
    ) -> None:
        self._graphs = graphs
        self._inputs = inputs
        self._outputs = outputs
        self._run = run

    def replay(self, inputs: Mapping[str, OnnxTensor], *, rows: int) -> dict[str, OnnxTensor]:
        for name, static in self._inputs.items():
            # Rows beyond those given keep older values: rows are proven not to see each other.
            self._graphs.write(inputs[name], static)
        self._run()
        bucket = next(iter(self._inputs.values())).shape[0]
        return {
            name: self._graphs.copied(
                output, output.shape if rows == bucket else (rows, *output.shape[1:])
            )
            for name, output in self._outputs.items()
        }


class _Loan:
    """Memory of a pool; goes back to it when nobody refers to this any more."""

    def __init__(self, pool: _MemoryPool, memory: GpuMemory) -> None:
        self._pool = pool
        self.memory = memory

    def __del__(self) -> None:
        self._pool.take_back(self.memory)


class _MemoryPool:
    """`cudaFree` makes the host wait for the device: what was allocated is used again."""

    def __init__(self, allocate: Callable[[int], GpuMemory]) -> None:
        self._allocate = allocate
        self._free: dict[int, list[GpuMemory]] = defaultdict(list)

    def borrow(self, size: int) -> _Loan:
        free = self._free[size]
        return _Loan(self, free.pop() if free else self._allocate(size))

    def take_back(self, memory: GpuMemory) -> None:
        self._free[memory.size].append(memory)


def _varied(array: Array) -> Array:
    """Other values of the same kind: halved, so that an index stays an index."""
    flipped: Array = array[::-1] if array.ndim else array
    if array.dtype.kind == "f":
        return (flipped / 2).astype(array.dtype)
    return flipped // 2 if array.dtype.kind in "iu" else flipped


def _is_close(found: Array, wanted: Array) -> bool:
    if wanted.dtype.kind != "f":
        return bool(np.array_equal(found, wanted))
    finite = wanted[np.isfinite(wanted)]
    scale = float(np.max(np.abs(finite), initial=0.0))
    return bool(np.allclose(found, wanted, rtol=0.0, atol=_TOLERANCE * scale, equal_nan=True))
