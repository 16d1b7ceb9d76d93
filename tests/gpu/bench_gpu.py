"""The raw framework beside what is served from it, on a GPU.

    python -m tests.gpu.bench_gpu [--models encoder cnn] [--forms onnx torchscript pt2]

For each model and form: rows a second of a bare loop and of the server at the same batch (binary
input, closed load from wrk), p50 and p99 at 70 % of that in an open load, and how much device
memory was taken from the first minute of a closed load to its end. The lines are those of the table
in RESULTS.md. `--device cpu` tries the bench itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench import wrk
from loadtests.bench.models import MODELS
from loadtests.bench.payloads import v2_binary
from tests.attacks.http_client import post
from tests.attacks.overload import OpenClients
from tests.attacks.served_process import ServedProcess
from tests.gpu.forms import FORMS, form_directory, random_batch

LOAD_SHARE = 0.7
BATCHES_IN_FLIGHT = 3
"""One that computes, one that is copied, one that waits."""
REQUESTS_PER_BATCH = 4
SLICE_SECONDS = 30.0
HEAD = (
    "| model | form | device | batch | raw rows/s | served rows/s | served / raw | "
    "p50 at 70 % (ms) | p99 at 70 % (ms) | p99 / p50 | failed | memory growth (MiB) |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass(slots=True)
class Result:
    device: str
    batch: int
    raw: float
    served: float = 0.0
    p50_seconds: float = 0.0
    p99_seconds: float = 0.0
    failed: int = 0
    """Of the open load: later than a second, or refused."""
    growth_bytes: float = 0.0

    def row(self, model: str, form: str) -> str:
        ratio = self.p99_seconds / self.p50_seconds if self.p50_seconds else float("nan")
        return (
            f"| {model} | {form} | {self.device} | {self.batch} | {self.raw:.0f} | "
            f"{self.served:.0f} | {self.served / self.raw:.2f} | {self.p50_seconds * 1e3:.1f} | "
            f"{self.p99_seconds * 1e3:.1f} | {ratio:.2f} | {self.failed} | "
            f"{self.growth_bytes / 2**20:.1f} |"
        )


@dataclass(slots=True)
class Bench:
    """One model in one form."""

    model: str
    form: str
    options: argparse.Namespace

    def measure(self) -> Result:
        directory = form_directory(self.model, self.form)
        settings = {"device": self.options.device, "calibration_budget_seconds": 30}
        with ServedProcess(directory, version_settle_seconds=0, **settings) as server:
            plan = self._plan(server)
            batch = max(1, int(plan["max_batch_size"]))
            device = str(plan.get("device_name") or plan["device"])
            result = Result(device, batch, raw=self._raw(directory, batch))
            self._load(server, result)
        return result

    def _plan(self, server: ServedProcess) -> dict[str, object]:
        url = f"http://127.0.0.1:{server.port}/v2/models/{self.model}"
        done = subprocess.run(["curl", "-sf", url], capture_output=True, check=True)
        return dict(json.loads(done.stdout)["parameters"])

    def _raw(self, directory: Path, batch: int) -> float:
        path = next(path for path in (directory / "1").glob("model.*"))
        command = [sys.executable, "-m", "tests.gpu.raw_loop", self.form, str(path), self.model]
        command += [self.options.device, str(batch), str(self.options.seconds)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return float(done.stdout.split()[-1])

    def _load(self, server: ServedProcess, result: Result) -> None:
        rows = max(1, result.batch // REQUESTS_PER_BATCH)
        payload = v2_binary(random_batch(MODELS[self.model], rows))
        path = f"/v2/models/{self.model}/infer"
        connections = BATCHES_IN_FLIGHT * max(1, result.batch // rows)
        url = f"http://127.0.0.1:{server.port}{path}"
        with tempfile.TemporaryDirectory() as work:
            script = wrk.write_script(Path(work) / "load.lua", payload)

            def closed(seconds: float) -> float:
                found = wrk.run(url, script, connections=connections, seconds=seconds)
                if found.errors:
                    raise RuntimeError(f"{found.errors} of {found.requests} requests failed")
                return found.requests_per_second * rows

            closed(2.0)
            result.served = closed(self.options.seconds)
            lines = "".join(f"{name}: {value}\r\n" for name, value in payload.headers.items())
            clients = OpenClients(server.port, post(path, payload.body, lines))
            asyncio.run(_open(clients, LOAD_SHARE * result.served / rows, self.options.seconds))
            result.failed = clients.load.outcomes.total() - clients.load.outcomes["200"]
            result.p50_seconds = clients.load.percentile(0.50)
            result.p99_seconds = clients.load.percentile(0.99)
            result.growth_bytes = self._growth(server, closed)

    def _growth(self, server: ServedProcess, closed: Callable[[float], float]) -> float:
        """Device memory taken between the first minute of load and its end."""
        ends, first, last = time.monotonic() + self.options.growth_seconds, None, 0.0
        slices = 0
        while time.monotonic() < ends:
            closed(min(SLICE_SECONDS, max(1.0, ends - time.monotonic())))
            slices += 1
            last = server.metric("longshore_device_memory_reserved_bytes")
            if first is None and slices * SLICE_SECONDS >= 60:
                first = last
        return float("nan") if first is None else last - first


async def _open(clients: OpenClients, rate: float, seconds: float) -> None:
    await clients.send(rate, seconds)
    await clients.settle()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["encoder", "cnn"], choices=sorted(MODELS))
    parser.add_argument("--forms", nargs="+", default=list(FORMS), choices=FORMS)
    parser.add_argument("--device", default="cuda", help="as for `longshore serve`")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--growth-seconds", type=float, default=600.0)
    options = parser.parse_args()
    print(HEAD, flush=True)
    for model in options.models:
        for form in options.forms:
            print(Bench(model, form, options).measure().row(model, form), flush=True)


if __name__ == "__main__":
    main()
