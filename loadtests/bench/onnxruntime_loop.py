"""Floor: onnxruntime alone in a process, one batch after the other on each of its instances.

    python -m loadtests.bench.onnxruntime_loop MODEL SECONDS INSTANCESxTHREADSxBATCH...

prints a JSON list of rows per second, one for each split named.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import numpy as np
import onnxruntime

WARMUP_RUNS = 2
SEED = 3


def rows_per_second(path: str, seconds: float, instances: int, threads: int, batch: int) -> float:
    """Rows that all instances together finish in a second."""
    sessions = [_session(path, threads) for _ in range(instances)]
    feeds = {"x": _batch(sessions[0], batch)}
    barrier = threading.Barrier(instances)
    rates: list[float] = []

    def work(session: onnxruntime.InferenceSession) -> None:
        for _ in range(WARMUP_RUNS):
            session.run(None, feeds)
        barrier.wait()
        started, runs = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - started) < seconds or not runs:
            session.run(None, feeds)
            runs += 1
        rates.append(runs * batch / elapsed)

    workers = [threading.Thread(target=work, args=(session,)) for session in sessions]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(rates)


def _session(path: str, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _batch(session: onnxruntime.InferenceSession, rows: int) -> np.ndarray[Any, Any]:
    spec = session.get_inputs()[0]
    shape = (rows, *spec.shape[1:])
    random = np.random.default_rng(SEED)
    if spec.type == "tensor(int64)":
        return random.integers(0, 1000, shape)
    return random.standard_normal(shape).astype(np.float32)


def main() -> None:
    path, seconds, *splits = sys.argv[1:]
    rates = [
        rows_per_second(path, float(seconds), *(int(part) for part in split.split("x")))
        for split in splits
    ]
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
