"""The first process of the pod, in a process namespace of its own as in a container."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HOLD = [sys.executable, "-m", "longshore_k8s.push.in_pod", "hold"]
ALONE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


@pytest.fixture
def alone():
    """What puts a command into a namespace of its own."""
    if os.geteuid() or shutil.which("unshare") is None:
        pytest.skip("needs root and util-linux: a process namespace")
    return ALONE


def test_a_pod_that_nobody_works_in_ends_by_itself(alone):
    done = subprocess.run([*alone, *HOLD, "0.5"], capture_output=True, text=True, timeout=30)

    assert (done.returncode, done.stdout) == (0, "nobody has worked here for 0.5 s\n")


def test_a_pod_stays_while_somebody_works_in_it(alone):
    working = ["sh", "-c", f"sleep 2 & exec {' '.join(HOLD)} 0.3"]
    began = time.monotonic()
    done = subprocess.run([*alone, *working], capture_output=True, text=True, timeout=30)

    assert done.returncode == 0
    assert time.monotonic() - began >= 2.0


def catches(process, number):
    """Whether the process has a handler of that signal."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(mask, 16) >> (number - 1) & 1)


def test_sigterm_ends_it_at_once():
    with subprocess.Popen([*HOLD, "600"]) as process:
        until = time.monotonic() + 20
        while not catches(process, signal.SIGTERM):
            assert time.monotonic() < until
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
