"""Longshore as a user starts it, and the echo."""

from __future__ import annotations

import sys
from pathlib import Path

from loadtests.bench.models import BenchModel
from loadtests.bench.payloads import v2_wires
from loadtests.bench.servers import HOST, Target
from longshore_k8s.capacity.local_ports import unused_port

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
LONGSHORE, ECHO, ONNXRUNTIME = "longshore", "echo", "onnxruntime"


def longshore_target(model: BenchModel, directory: Path, calibration_cache: Path) -> Target:
    """No setting but addresses and where to keep its measurements: it has to find the rest."""
    management_port = unused_port()

    def command(port: int) -> list[str]:
        return [
            str(BIN / "longshore"), "serve", str(directory), "--host", HOST, "--port", str(port),
            "--management-host", HOST, "--management-port", str(management_port),
            "--calibration-cache", str(calibration_cache), "--drain-delay-seconds", "0",
        ]  # fmt: skip

    return Target(LONGSHORE, command, v2_wires(model.name), metrics_port=management_port)


def echo_target(model: BenchModel) -> Target:
    """uvicorn with the loop and the parser that Longshore uses, and nothing behind it."""

    def command(port: int) -> list[str]:
        return [
            str(BIN / "uvicorn"), "loadtests.bench.echo_app:app", "--host", HOST, "--port",
            str(port), "--loop", "uvloop", "--http", "httptools", "--no-access-log",
            "--log-level", "warning", "--lifespan", "off",
        ]  # fmt: skip

    return Target(ECHO, command, v2_wires(model.name), directory=ROOT, answers=False)
