"""`longshore serve` as a process of its own, as a pod would run it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from longshore_k8s.capacity.local_ports import unused_port

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 60.0
TOLD_SECONDS = 320.0
"""Of a trial that gets hardly a CPU beside other work: until it is put off, until it begins again
(60 s), and what it may wait then (five times its 50 s, `longshore.lifecycle.trial.watch`).
"""
IDENTITY = """\
input:
  - {name: INPUT0, data_type: TYPE_FP32, dims: [-1, 4]}
"""


class ServedProcess:
    """Runs until `stop`; a context manager that kills what is left."""

    def __init__(self, model: Path, **options: object) -> None:
        """`options` are settings, and: `is_first_process`, in a namespace of its own; `program`,
        arguments of Python in place of `-m longshore.cli`; `inside`, what puts a command into a
        cgroup, each; `environment`, variables besides our own.
        """
        self.port, self.management_port = unused_port(), unused_port()
        self._is_first = bool(options.pop("is_first_process", False))
        program = options.pop("program", ("-m", "longshore.cli"))
        assert isinstance(program, tuple)
        inside: list[Callable[[list[str]], list[str]]] = options.pop("inside", [])  # type: ignore[assignment]
        environment: dict[str, str] = options.pop("environment", {})  # type: ignore[assignment]
        self._log = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - `stop` closes it
        self._whole_log = ""
        settings = {
            "port": self.port,
            "management-port": self.management_port,
            "host": "127.0.0.1",
            "management-host": "127.0.0.1",
            "calibration-cache": "",
            "calibration-budget-seconds": 1,
            "drain-delay-seconds": 0,
            **{name.replace("_", "-"): value for name, value in options.items()},
        }
        command = [sys.executable, *program, "serve", str(model)]
        command += [f"--{name}={value}" for name, value in settings.items()]
        if self._is_first:
            command = ["unshare", "--pid", "--fork", "--mount-proc", *command]
        for put_inside in inside:
            command = put_inside(command)
        self._process = subprocess.Popen(
            command, stderr=self._log, stdout=self._log, env={**os.environ, **environment}
        )

    def __enter__(self) -> Self:
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Of the server itself, which is process 1 in a namespace of its own when asked for."""
        if not self._is_first:
            return self._process.pid
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return int(children.read_text().split()[0])

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS

    @property
    def resident_bytes(self) -> int:
        return self._memory("VmRSS")

    @property
    def peak_bytes(self) -> int:
        """Most resident bytes since its start."""
        return self._memory("VmHWM")

    def _memory(self, name: str) -> int:
        """proc(5), `/proc/pid/status`."""
        found = re.search(rf"{name}:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        assert found is not None
        return int(found[1]) * 1024

    @property
    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    @property
    def log(self) -> str:
        if not self._log.closed:
            size = os.fstat(self._log.fileno()).st_size
            self._whole_log = os.pread(self._log.fileno(), size, 0).decode(errors="replace")
        return self._whole_log

    def terminate(self) -> None:
        self.signal("SIGTERM")

    def signal(self, name: str) -> None:
        os.kill(self.pid, signal.Signals[name])

    def has_started(self) -> bool:
        """Whether Python runs and has set a handler of SIGTERM (proc(5), SigCgt)."""
        with contextlib.suppress(OSError, IndexError):
            status = Path(f"/proc/{self.pid}/status").read_text()
            caught = re.search(r"SigCgt:\s+([0-9a-f]+)", status)
            return caught is not None and bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)
        return False

    def wait(self, timeout_seconds: float = START_SECONDS) -> int:
        """The exit code."""
        return self._process.wait(timeout_seconds)

    def wait_ready(self, version: str | None = None) -> None:
        """Until the server is ready; with a version, which may be tried first, until it answers."""
        deadline = time.monotonic() + (START_SECONDS if version is None else TOLD_SECONDS)
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            state = self.health()
            versions = state.get("versions", {})
            if state.get("ready") and (version is None or versions.get(version) == "READY"):
                return
            time.sleep(0.05)
        raise AssertionError(f"not ready\n{self.log}")

    def wait_for_problem(self, words: str) -> str:
        """The problem of the readiness detail that holds `words`, once it is told."""
        deadline = time.monotonic() + TOLD_SECONDS
        while time.monotonic() < deadline and self.is_running:
            for problem in self.health().get("problems") or ():
                if words in problem:
                    return str(problem)
            time.sleep(0.05)
        raise AssertionError(f"not told: {words}\n{self.health()}\n{self.log}")

    def health(self) -> dict[str, Any]:
        """The readiness detail from the management port; empty before it answers."""
        try:
            return dict(json.loads(self.management("/v2/health/ready")[1]))
        except OSError:
            return {}

    def management(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.management_port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples of `name` that carry `labels`."""
        total = 0.0
        for line in self.management("/metrics")[1].decode().splitlines():
            if re.match(rf"{name}(\{{|\s)", line) and all(
                f'{label}="{value}"' in line for label, value in labels.items()
            ):
                total += float(line.rsplit(" ", 1)[1])
        return total

    def stop(self) -> int:
        """End it as Kubernetes would; the exit code, that of SIGKILL when it did not end."""
        if self._process.poll() is None:
            self.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.wait(15.0)
        self._kill()
        self._whole_log = self.log
        self._log.close()
        return int(self._process.returncode)

    def _kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)


def children(pid: int) -> list[int]:
    """Of any thread of it (proc(5), `/proc/pid/task/tid/children`)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def identity_model(
    directory: Path, behaviour: str = "", *, config: str = "", name: str = "echo"
) -> Path:
    """A model `name` under `directory` that gives back rows of four floats."""
    model = directory / name
    shutil.rmtree(model, ignore_errors=True)
    (model / "1").mkdir(parents=True)
    (model / "1" / "model.identity").write_text(IDENTITY + behaviour)
    if config:
        (model / "config.yaml").write_text(config)
    return model


def infer_body(first: float = 1.0, rows: int = 1) -> bytes:
    values = [first, 2.0, 3.0, 4.0] * rows
    tensor = {"name": "INPUT0", "datatype": "FP32", "shape": [rows, 4], "data": values}
    return json.dumps({"inputs": [tensor]}).encode()
