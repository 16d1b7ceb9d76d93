"""Follows a guide beside the example models: writes files, runs commands, compares their output."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self

from packaging.requirements import Requirement

from longshore_k8s.capacity.local_ports import unused_port
from tests.guides.document import Command, File
from tests.integration.test_lifecycle import wait_for

MODELS = Path(__file__).parents[2] / "models"
"""Of the clone in which a reader stands."""
COMMAND_SECONDS = 300
START_SECONDS = 120


def is_install(command: Command) -> bool:
    return command.text.startswith("pip install ")


def requirements(command: Command) -> list[Requirement]:
    """What a `pip install` names besides this package."""
    return [Requirement(word) for word in command.words[2:] if word[0] not in ".-"]


def missing(command: Command) -> list[str]:
    """Packages that a guide installs and this environment lacks."""
    return [wanted.name for wanted in requirements(command) if not _version(wanted.name)]


class Reader:
    """A folder, two free ports in the place of 8000 and 8002, and the servers that were started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        shutil.copytree(MODELS, folder / "models")
        self._port, self._management_port = unused_port(), unused_port()
        self._servers: list[subprocess.Popen[bytes]] = []
        programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self._environment = {
            **os.environ,
            "PATH": programs,
            "HF_HUB_OFFLINE": "1",
            "PYTHONWARNINGS": "ignore",
            "LONGSHORE_PORT": str(self._port),
            "LONGSHORE_MANAGEMENT_PORT": str(self._management_port),
            "LONGSHORE_CALIBRATION_CACHE": str(folder / ".cache"),
            "LONGSHORE_CALIBRATION_BUDGET_SECONDS": "1",
            "LONGSHORE_DRAIN_DELAY_SECONDS": "0",
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop()

    def follow(self, step: File | Command) -> None:
        if isinstance(step, File):
            path = self._folder / step.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._literal(step.text), encoding="utf-8")
        elif is_install(step):
            for wanted in requirements(step):
                assert wanted.specifier.contains(_version(wanted.name)), wanted
        elif step.text.startswith("longshore serve "):
            self._serve(step)
        else:
            self._run(step)

    def _run(self, command: Command) -> None:
        found = subprocess.run(
            ["bash", "-c", self._literal(command.text)],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        told = f"{command.text}\n{found.stdout}\n{found.stderr}"
        assert found.returncode == command.exit_code, told
        assert not command.output or _is_like(found.stdout.strip(), command.output), told

    def _serve(self, command: Command) -> None:
        """In the place of the server before it, if any."""
        self._stop()
        words = [part for part in command.words if part]
        self._servers.append(subprocess.Popen(words, cwd=self._folder, env=self._environment))
        wait_for(self._is_ready, START_SECONDS)

    def _stop(self) -> None:
        while self._servers:
            server = self._servers.pop()
            server.terminate()
            server.wait(60)

    def _is_ready(self) -> bool:
        assert self._servers[-1].poll() is None, "the server has ended"
        url = f"http://127.0.0.1:{self._management_port}/v2/health/ready"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _literal(self, text: str) -> str:
        text = text.replace("localhost:8000", f"localhost:{self._port}")
        return text.replace("localhost:8002", f"localhost:{self._management_port}")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _is_like(printed: str, written: str) -> bool:
    """`...` stands for anything, also for several lines."""
    pattern = ".*".join(re.escape(part) for part in written.split("..."))
    return re.fullmatch(pattern, printed, re.DOTALL) is not None
