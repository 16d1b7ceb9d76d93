"""NVIDIA's perf_analyzer, unmodified, against a real server.

Not a dependency of the tests: the wheel `perf-analyzer` is 7 MB and needs a newer C library than
many machines have. Wherever the binary runs (on the PATH, or installed beside this Python) so does
this test.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest

REQUESTS = 100


@lru_cache(maxsize=1)
def binary() -> tuple[str | None, str]:
    """The program, or why there is none."""
    beside = str(Path(sys.executable).parent)
    program = shutil.which("perf_analyzer") or shutil.which("perf_analyzer", path=beside)
    if program is None:
        return None, "perf_analyzer is not installed (pip install perf-analyzer)"
    told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30)
    if told.returncode != 0:
        return None, f"perf_analyzer does not run here: {told.stderr.strip()[-200:]}"
    return program, ""


def analyze(port: int, *options: str) -> subprocess.CompletedProcess[str]:
    program, reason = binary()
    if program is None:
        pytest.skip(reason)
    command = [
        program, "-m", "digits", "-u", f"127.0.0.1:{port}", "-i", "http",
        "--measurement-mode", "count_windows", "--measurement-request-count", str(REQUESTS),
        "--max-trials", "3", "--stability-percentage", "999", *options,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "options",
    [
        ("--concurrency-range", "1"),
        ("--concurrency-range", "4", "-b", "3"),
        ("--concurrency-range", "4", "-a"),
        ("--concurrency-range", "2", "--input-tensor-format", "json",
         "--output-tensor-format", "json"),
        ("--request-rate-range", "200"),
    ],
    ids=["one-client", "batches-of-three", "asynchronous", "json", "at-a-rate"],
)  # fmt: skip
def test_it_measures_and_reads_the_servers_statistics(digits, options):
    told = analyze(digits.port, *options)

    assert told.returncode == 0, told.stdout + told.stderr
    for line in ("Inference count", "Execution count", "Successful request count"):
        found = re.search(rf"{line}: (\d+)", told.stdout)
        assert found, told.stdout
        assert int(found[1]) > 0
    assert re.search(r"Avg request latency: \d+ usec .*compute input \d+ usec", told.stdout, re.S)
