"""No backend opens a connection, stores an identifier of the machine or prints lines of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from tests.loading.startup_models import FAILS_ALWAYS, Version, exported, onnx_model, scripted

SOURCE = Path(__file__).with_name("outgoing_calls.c")
PROGRAM = """
import sys
from pathlib import Path
from longshore.errors import ModelLoadError
from longshore.lifecycle.warmup import warm_up
from longshore.loading.load_options import LoadOptions
from longshore.loading.model_loader import load_model
from longshore.logs import configure_logging
from longshore.repository.layout import ModelRepository

configure_logging("info", "json")
repository = ModelRepository(Path(sys.argv[1]), settle_seconds=0)
(artifact,) = repository.scan().artifacts
options = LoadOptions(cpus=2, calibration_budget_seconds=1)
try:
    loaded = load_model(artifact, repository.config(), options)
except ModelLoadError:
    pass
else:
    warm_up(loaded)
    loaded.close()
"""
CONTROL = """
import socket
try:
    socket.create_connection(("127.0.0.1", 9))
except OSError:
    pass
"""


class Double(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2


VERSIONS = {
    "onnx": Version("model.onnx", lambda: onnx_model([(("Neg", ["x"], ["y"]), {})])),
    "onnx that fails": FAILS_ALWAYS["onnx: an index"],
    "pt2": Version("model.pt2", lambda: exported(Double(), torch.ones(2, 2))),
    "torchscript": Version(
        "model.pt", lambda: scripted(Double()), "input: [{name: x, data_type: FP32, dims: [-1, 2]}]"
    ),
    "identity": Version("model.identity", lambda: b""),
}


@dataclass(frozen=True)
class Ran:
    """The connections, files and output of a process."""

    calls: str
    home: list[str]
    stderr: str


@pytest.fixture
def watched(tmp_path):
    """Run a program with a home directory of its own, and record its calls of the network."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    library, calls, home = tmp_path / "calls.so", tmp_path / "calls", tmp_path / "home"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    home.mkdir()
    environ = {
        k: v for k, v in os.environ.items() if not k.startswith(("CI", "GITHUB_", "ORT_", "XDG_"))
    }
    environ |= {"HOME": str(home), "LD_PRELOAD": str(library), "OUTGOING_CALLS": str(calls)}

    def run(program: str, *arguments: str) -> Ran:
        ended = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env=environ, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return Ran(
            calls.read_text() if calls.exists() else "",
            [str(path.relative_to(home)) for path in home.rglob("*")],
            ended.stdout + ended.stderr,
        )

    return run


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)
def test_loading_and_running_a_model_calls_nobody_and_writes_only_our_lines(
    watched, tmp_path, version
):
    directory = tmp_path / "model" / "1"
    directory.mkdir(parents=True)
    (directory / version.file).write_bytes(version.content())
    (directory.parent / "config.yaml").write_text(version.config)

    ran = watched(PROGRAM, str(directory.parent))

    assert ran.calls == ""
    assert ran.home == []
    for line in ran.stderr.splitlines():
        assert "message" in json.loads(line), line


def test_a_call_would_be_seen(watched):
    assert "connect" in watched(CONTROL).calls
    assert "getaddrinfo" in watched(CONTROL).calls
