"""The README's first path from a model of one's own to answers, as it is written."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from longshore_k8s.capacity.local_ports import unused_port
from tests.integration.test_lifecycle import wait_for

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = Path(sys.executable).parent


def sixty_seconds() -> list[str]:
    """The commands of the section that begins with the clone alone."""
    section = README.split("## 60 seconds")[1].split("\n## ")[0]
    return re.findall(r"^\$ (.*)$", section, re.MULTILINE)


def commands() -> list[str]:
    """Those of the section that begins with "Serve your own", without their comments."""
    section = README.split("Serve your own:")[1].split("\n#")[0]
    lines = re.findall(r"^\$ (longshore .*)$", section, re.MULTILINE)
    return [line.partition("  #")[0].strip() for line in lines]


@pytest.fixture
def places(tmp_path) -> dict[str, str]:
    """What stands for the paths and the address of the README."""
    shutil.copytree(ROOT / "models" / "digits", tmp_path / "own")
    values = ",".join(["0.5"] * 64)
    (tmp_path / "values.csv").write_text(f"{values}\n{values}\n")
    return {
        "path/to/model": str(tmp_path / "own"),
        "path/to/values.csv": str(tmp_path / "values.csv"),
        "http://localhost:8000": f"http://localhost:{unused_port()}",
    }


def literal(command: str, places: dict[str, str]) -> list[str]:
    for written, meant in places.items():
        command = command.replace(written, meant)
    program, *arguments = shlex.split(command)
    return [str(PROGRAMS / program), *arguments]


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/v2/health/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_the_example_is_served_and_asked_by_the_commands_of_the_first_minute(tmp_path):
    """With what `make serve` installs in its place already."""
    make, curl = sixty_seconds()
    url = f"http://localhost:{unused_port()}"
    port = url.rpartition(":")[2]
    environment = {
        **os.environ,
        "LONGSHORE_CALIBRATION_CACHE": str(tmp_path),
        "LONGSHORE_MANAGEMENT_PORT": str(unused_port()),
    }
    words = [*shlex.split(make), f"PORT={port}", f"VENV={PROGRAMS.parent}"]
    server = subprocess.Popen(
        [words[0], "-o", f"{PROGRAMS.parent}/.serve", *words[1:]],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        wait_for(lambda: answers(url), 60)
        answer = subprocess.run(
            shlex.split(curl.replace("8000", port)), cwd=ROOT, capture_output=True, check=True
        )
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        told, _ = server.communicate(timeout=60)

    assert curl.replace("8000", port).encode() in told
    (logits,) = json.loads(answer.stdout)["outputs"]
    assert len(logits["data"]) == 10


def test_each_command_does_what_it_says(places, tmp_path):
    url = places["http://localhost:8000"]
    environment = {**os.environ, "LONGSHORE_CALIBRATION_CACHE": str(tmp_path / "cache")}
    told: dict[str, str] = {}
    servers: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands():
            line = literal(command, places)
            if line[1] == "serve":
                ports = ["--port", url.rpartition(":")[2], "--management-port", str(unused_port())]
                servers.append(subprocess.Popen([*line, *ports], env=environment))
                wait_for(lambda: answers(url), 60)
                continue
            found = subprocess.run(
                line, capture_output=True, text=True, env=environment, check=False
            )
            is_left = line[1] == "calibrate"  # writes nothing where others have the CPU
            assert found.returncode == 0 or is_left, f"{command}: {found.stderr}"
            told[" ".join([*line[1:2], *re.findall("http://|--as", command)])] = found.stdout
        program = tmp_path / "ask.py"
        program.write_text(told["example http:// --as"])
        answer = subprocess.run(
            [sys.executable, str(program)], capture_output=True, text=True, check=True
        )
        with urllib.request.urlopen(f"{url}/", timeout=10) as page:
            assert "text/html" in page.headers["content-type"]
    finally:
        for server in servers:
            server.terminate()
            server.wait(30)

    assert len(servers) == 1
    assert "input image: FP32" in told["inspect"]
    assert "logits  FP32 [1, 10]" in told["predict"]
    assert "logits  FP32 [2, 10]" in told["predict http://"]
    assert answer.stdout.startswith("logits [1, 10] [")
