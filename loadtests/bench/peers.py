"""Other servers of the same model, each in an environment of its own under the cache.

All run one instance with the threads that onnxruntime takes by itself (all cores), batches of at
most 32 rows and a wait of 2 ms, without an access log: what their documentation suggests, not what
a day of tuning could find. Versions are pinned; a peer that cannot be installed is left out and
named.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench.models import BenchModel, artifact
from loadtests.bench.payloads import (
    Array,
    Payload,
    Wire,
    plain_json,
    plain_json_batch,
    raw_bytes,
    read_plain,
    read_v2_json,
    v2_json,
    v2_wires,
)
from loadtests.bench.servers import HOST, Target
from longshore_k8s.capacity.local_ports import unused_port

APPS = Path(__file__).with_name("peer_apps")
MAX_BATCH_SIZE, MAX_BATCH_WAIT_SECONDS = 32, 0.002
BOUNDARY = "bench-boundary"
SYSTEM_PYTHON = "/usr/bin/python3"
Report = Callable[[str], None]
MakeTarget = Callable[[BenchModel, Path, Path], Target]
"""From the model, the `bin` folder of the peer's environment, and a folder to write to."""


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    requirements: tuple[str, ...]
    make_target: MakeTarget
    programs: tuple[str, ...] = ()
    """What has to be on the PATH besides."""
    python: str = sys.executable


def install_peers(
    model: BenchModel, directory: Path, cache: Path, report: Report
) -> tuple[list[Target], dict[str, str]]:
    """Targets for the peers that could be installed, and why the others could not."""
    targets, left_out = [], {}
    for peer in PEERS:
        missing = [program for program in peer.programs if shutil.which(program) is None]
        if missing:
            left_out[peer.name] = f"{missing[0]} is not installed"
            continue
        try:
            environment = _environment(peer, cache, report)
        except subprocess.CalledProcessError as error:
            left_out[peer.name] = f"pip failed: {error.stderr.strip()[-300:]}"
            continue
        work = cache / "peers" / "work" / peer.name / model.name
        work.mkdir(parents=True, exist_ok=True)
        target = peer.make_target(model, environment / "bin", work)
        targets.append(_with_model(target, directory, environment))
    return targets, left_out


def _environment(peer: Peer, cache: Path, report: Report) -> Path:
    """The peer's virtual environment, made when its requirements have none yet."""
    key = hashlib.sha256(
        " ".join((sys.version, peer.python, *peer.requirements)).encode()
    ).hexdigest()[:12]
    environment = cache / "peers" / f"{peer.name}-{key}"
    complete = environment / "complete"
    if not complete.exists():
        report(f"installing {peer.name} into {environment}")
        _call(peer.python, "-m", "venv", "--clear", str(environment))
        _call(str(environment / "bin" / "pip"), "install", "--quiet", *peer.requirements)
        complete.touch()
    return environment


def _call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def _with_model(target: Target, directory: Path, environment: Path) -> Target:
    environ = {
        "BENCH_MODEL": str(artifact(directory)),
        "ORT_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": str(APPS),
        "PATH": f"{environment / 'bin'}:{os.environ['PATH']}",
        **target.environ,
    }
    return Target(target.name, target.command, target.wires, environ, target.directory)


def _mlserver(model: BenchModel, programs: Path, work: Path) -> Target:
    settings = {
        "name": model.name,
        "implementation": "mlserver_model.BenchModel",
        "max_batch_size": MAX_BATCH_SIZE,
        "max_batch_time": MAX_BATCH_WAIT_SECONDS,
    }
    (work / "model-settings.json").write_text(json.dumps(settings))

    def command(port: int) -> list[str]:
        server = {
            "host": HOST, "http_port": port, "grpc_port": unused_port(),
            "metrics_port": unused_port(), "debug": False,
        }  # fmt: skip
        (work / "settings.json").write_text(json.dumps(server))
        return [str(programs / "mlserver"), "start", str(work)]

    wire = Wire(f"/v2/models/{model.name}/infer", v2_json, read_v2_json)
    return Target("mlserver", command, {"json": wire}, directory=work)


def _litserve(model: BenchModel, programs: Path, work: Path) -> Target:
    wires = {
        "json": Wire("/predict", plain_json, read_plain),
        "binary": Wire("/predict", _form, read_plain),
    }

    def command(port: int) -> list[str]:
        return [str(programs / "python"), str(APPS / "litserve_app.py"), str(port)]

    return Target("litserve", command, wires, directory=work)


def _bentoml(model: BenchModel, programs: Path, work: Path) -> Target:
    def command(port: int) -> list[str]:
        return [
            str(programs / "bentoml"), "serve", "bentoml_service:Bench", "--working-dir",
            str(APPS), "--host", HOST, "--port", str(port),
        ]  # fmt: skip

    environ = {"BENTOML_HOME": str(work), "BENTOML_DO_NOT_TRACK": "True"}
    wires = {"json": Wire("/predict", plain_json_batch, read_plain)}
    return Target("bentoml", command, wires, environ, work)


def _torchserve(model: BenchModel, programs: Path, work: Path) -> Target:
    handler = APPS / "torchserve_handler.py"
    archive = [
        str(programs / "torch-model-archiver"), "--model-name", model.name, "--version", "1.0",
        "--handler", str(handler), "--export-path", str(work), "--force",
    ]  # fmt: skip
    # The archiver is a script that looks for its interpreter; the handler finds the model itself.
    _call(*archive)
    wires = {
        "json": Wire(f"/predictions/{model.name}", plain_json, read_plain),
        "binary": Wire(f"/predictions/{model.name}", raw_bytes, read_plain),
    }

    def command(port: int) -> list[str]:
        config = work / "config.properties"
        config.write_text(_torchserve_config(model, port, work))
        return [
            str(programs / "torchserve"), "--start", "--foreground", "--model-store", str(work),
            "--ts-config", str(config), "--disable-token-auth", "--no-config-snapshots",
        ]  # fmt: skip

    environ = {"LOG_LOCATION": str(work / "logs"), "METRICS_LOCATION": str(work / "logs")}
    return Target("torchserve", command, wires, environ, work)


def _torchserve_config(model: BenchModel, port: int, work: Path) -> str:
    served = {
        model.name: {
            "1.0": {
                "defaultVersion": True, "marName": f"{model.name}.mar", "minWorkers": 1,
                "maxWorkers": 1, "batchSize": MAX_BATCH_SIZE, "responseTimeout": 60,
                "maxBatchDelay": round(MAX_BATCH_WAIT_SECONDS * 1000),
            }
        }
    }  # fmt: skip
    return "\n".join(
        (
            f"inference_address=http://{HOST}:{port}",
            f"management_address=http://{HOST}:{unused_port()}",
            f"metrics_address=http://{HOST}:{unused_port()}",
            f"grpc_inference_port={unused_port()}",
            f"grpc_management_port={unused_port()}",
            f"model_store={work}",
            f"load_models={model.name}.mar",
            "async_logging=true",
            "job_queue_size=1000",
            f"models={json.dumps(served)}",
            "",
        )
    )


def _with_v2_wires(name: str) -> MakeTarget:
    """A program of `peer_apps` that is told the model's name and a port."""

    def make_target(model: BenchModel, programs: Path, work: Path) -> Target:
        def command(port: int) -> list[str]:
            return [str(programs / "python"), str(APPS / f"{name}_app.py"), model.name, str(port)]

        return Target(name, command, v2_wires(model.name), directory=work)

    return make_target


def _form(row: Array) -> Payload:
    """The raw bytes as an uploaded file (RFC 7578)."""
    head = (
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=x; filename=x\r\n"
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = head.encode() + row.tobytes() + f"\r\n--{BOUNDARY}--\r\n".encode()
    return Payload(body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})


PEERS = (
    # uvloop 0.22 and later leave MLServer's workers without an event loop.
    Peer("mlserver", ("mlserver==1.7.1", "onnxruntime", "uvloop==0.21.0"), _mlserver),
    Peer("litserve", ("litserve==0.2.19", "onnxruntime", "python-multipart"), _litserve),
    Peer("bentoml", ("bentoml==1.4.40", "onnxruntime"), _bentoml),
    Peer(
        "torchserve",
        (
            "torchserve==0.12.0", "torch-model-archiver", "torch==2.13.0", "onnxruntime", "numpy",
            "pyyaml", "psutil", "requests", "captum", "nvgpu", "packaging", "setuptools<81",
        ),
        _torchserve,
        programs=("java",),
    ),
    Peer("kserve", ("kserve==0.21.0", "onnxruntime"), _with_v2_wires("kserve")),
    # What Triton embeds of Python 3.11 is older than 3.11.7, whose `multiprocessing` fails in it.
    Peer(
        "pytriton", ("nvidia-pytriton==0.7.0", "onnxruntime"), _with_v2_wires("pytriton"),
        programs=(SYSTEM_PYTHON,), python=SYSTEM_PYTHON,
    ),
)  # fmt: skip
