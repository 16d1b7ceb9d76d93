"""First executions, so that no client pays for them: lazy allocations, kernel selection, JIT."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from longshore.backends.base import Backend
from longshore.errors import LongshoreError, ModelLoadError, NoDeviceMemory, OutOfDeviceMemory
from longshore.loading.loaded_model import LoadedModel
from longshore.loading.plan import batch_buckets
from longshore.progress import Progress
from longshore.tensors import Tensors

SHARE = 0.2
"""Of one CPU, or of a quota of less, at most, beside clients' work."""


def warm_up(
    loaded: LoadedModel,
    progress: Progress | None = None,
    *,
    is_beside_work: bool = False,
    cpus: float = 1.0,
    sleep: Callable[[float], object] = time.sleep,
) -> float:
    """Run every instance at batch 1 and at its largest batch, and a GPU at those between as well;
    returns the seconds it took. Beside the work of clients each session is run once, one after the
    other and with pauses.

    A model for which no sample input could be made is not warmed; its notes say so.

    Raises:
        ModelLoadError: the largest batch does not run.
    """
    started = time.perf_counter()
    if loaded.maker is None:
        return 0.0
    progress = progress or Progress()
    for rows in _sizes(loaded):
        progress.begin(f"warming up with a batch of {rows}")
        inputs = loaded.maker.make(rows, seed=0)
        try:
            if is_beside_work:
                _run_in_turns(loaded, inputs, SHARE * min(1.0, cpus), sleep)
            else:
                _run_at_once(loaded, inputs)
        except LongshoreError as error:
            kind = NoDeviceMemory if isinstance(error, OutOfDeviceMemory) else ModelLoadError
            raise kind(
                f"{loaded.artifact.path.name}: warm-up with {rows} rows failed: {error}"
            ) from error
    return time.perf_counter() - started


def _sizes(loaded: LoadedModel) -> list[int]:
    largest = loaded.plan.max_batch_size
    on_gpu = loaded.backends[0].device.kind == "cuda"
    return batch_buckets(largest) if on_gpu else sorted({1, largest})


def _run_at_once(loaded: LoadedModel, inputs: Tensors) -> None:
    with ThreadPoolExecutor(len(loaded.backends)) as pool:
        list(pool.map(partial(_run, loaded, inputs), loaded.backends))
    if loaded.wide is not None:
        _run(loaded, inputs, loaded.wide)


def _run_in_turns(
    loaded: LoadedModel, inputs: Tensors, share: float, sleep: Callable[[float], object]
) -> None:
    for backend in loaded.different_backends():
        started = time.perf_counter()
        _run(loaded, inputs, backend)
        sleep((time.perf_counter() - started) * (1 / share - 1))


def _run(loaded: LoadedModel, inputs: Tensors, backend: Backend) -> None:
    backend.prepare(inputs)
    backend.execute(inputs, loaded.signature.output_names)
