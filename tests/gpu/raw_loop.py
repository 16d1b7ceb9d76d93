"""The framework alone in a process: copy in, run, copy out, one batch after the other.

    python -m tests.gpu.raw_loop FORM PATH MODEL DEVICE BATCH SECONDS

prints rows per second.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable

import numpy as np

from loadtests.bench.models import MODELS
from tests.gpu.forms import random_batch

WARM_UP_RUNS = 5


def rows_per_second(run: Callable[[], object], rows: int, seconds: float) -> float:
    for _ in range(WARM_UP_RUNS):
        run()
    started, runs = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - started) < seconds:
        run()
        runs += 1
    return runs * rows / elapsed


def onnx_loop(path: str, device: str, batch: np.ndarray) -> Callable[[], object]:
    import onnxruntime

    providers = ["CPUExecutionProvider"]
    if device != "cpu":
        onnxruntime.preload_dlls()
        options = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
        providers.insert(0, ("CUDAExecutionProvider", options))
    session = onnxruntime.InferenceSession(path, providers=providers)
    assert len(session.get_providers()) == len(providers), session.get_providers()
    return lambda: session.run(None, {"x": batch})


def torch_loop(form: str, path: str, device: str, batch: np.ndarray) -> Callable[[], object]:
    import torch
    from torch.export.passes import move_to_device_pass

    if form == "torchscript":
        module = torch.jit.load(path, map_location=device).eval()
    else:
        module = move_to_device_pass(torch.export.load(path), device).module()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    tensor = torch.from_numpy(batch)

    def run() -> object:
        with torch.inference_mode():
            return module(tensor.to(device)).cpu()

    return run


def main() -> None:
    form, path, name, device, batch_size, seconds = sys.argv[1:]
    warnings.simplefilter("ignore")
    batch = random_batch(MODELS[name], int(batch_size))
    loop = (
        onnx_loop(path, device, batch)
        if form == "onnx"
        else (torch_loop(form, path, device, batch))
    )
    print(rows_per_second(loop, int(batch_size), float(seconds)))


if __name__ == "__main__":
    main()
