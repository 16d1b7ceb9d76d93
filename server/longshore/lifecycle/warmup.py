"""First executions, so that no client pays for them: lazy allocations, kernel selection, JIT."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from longshore.backends.base import Backend
from longshore.errors import LongshoreError, ModelLoadError
from longshore.loading.model_loader import LoadedModel
from longshore.loading.plan import batch_buckets
from longshore.progress import Progress
from longshore.tensors import Tensors


def warm_up(loaded: LoadedModel, progress: Progress | None = None) -> float:
    """Run every instance at batch 1 and at its largest batch, and a GPU at those between as well;
    returns the seconds it took.

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
        _run_all(loaded, loaded.maker.make(rows, seed=0), rows)
    return time.perf_counter() - started


def _sizes(loaded: LoadedModel) -> list[int]:
    largest = loaded.plan.max_batch_size
    on_gpu = loaded.backends[0].device.kind == "cuda"
    return batch_buckets(largest) if on_gpu else sorted({1, largest})


def _run_all(loaded: LoadedModel, inputs: Tensors, rows: int) -> None:
    names = loaded.signature.output_names

    def run(backend: Backend) -> None:
        backend.prepare(inputs)
        backend.execute(inputs, names)

    with ThreadPoolExecutor(len(loaded.backends)) as pool:
        try:
            list(pool.map(run, loaded.backends))
        except LongshoreError as error:
            raise ModelLoadError(
                f"{loaded.artifact.path.name}: warm-up with {rows} rows failed: {error}"
            ) from error
