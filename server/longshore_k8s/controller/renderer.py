"""The chart, rendered by a process that ends when nothing was rendered for a while."""

from __future__ import annotations

import hashlib
import json
import select
import subprocess
import sys
import threading
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import yaml

from longshore import __version__
from longshore_k8s.api import Json
from longshore_k8s.controller.aim import digest_of
from longshore_k8s.controller.resource import Key
from longshore_k8s.controller.wanted import Refusal

_IDLE_SECONDS = 20.0
_ANSWER_SECONDS = 60


class RendererFailed(Exception):
    """The process that renders ended, or did not answer."""


class Renderer:
    """Renders one chart; safe for threads."""

    def __init__(self, chart: Path) -> None:
        """Of the chart in that folder.

        Raises:
            OSError: there is none.
        """
        if find_spec("helm_python") is None:
            raise ModuleNotFoundError("no module helm_python", name="helm_python")
        metadata = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
        self.chart_version = str(metadata["version"])
        self._command = [sys.executable, "-m", "longshore_k8s.controller.render_worker", str(chart)]
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._used = 0.0
        self._digest = _digest_of_files(chart)

    def render(self, key: Key, values: Json) -> list[Json]:
        """The objects of the release `key`, a namespace and a name.

        Raises:
            Refusal: the chart refuses the values; its own sentence.
            RendererFailed: it could not be asked.
        """
        with self._lock:
            answer = json.loads(self._ask({"namespace": key[0], "name": key[1], "values": values}))
        if "refused" in answer:
            raise Refusal("ValuesRefused", answer["refused"])
        objects: list[Json] = answer["objects"]
        return objects

    def source_of(self, asked: object) -> str:
        """A digest of all that objects follow from: what was asked for, chart and this code."""
        return digest_of([asked, self._digest, __version__])

    def end_if_idle(self) -> None:
        """Let the process go, with its memory, when it was not needed for a while."""
        with self._lock:
            if time.monotonic() - self._used > _IDLE_SECONDS:
                self._end()

    def close(self) -> None:
        with self._lock:
            self._end()

    def _ask(self, asked: Json) -> bytes:
        """One line of the process's, which is started where there is none."""
        if self._process is None:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            self._process.stdin.flush()
            answer = self._read(self._process)
        except (OSError, RendererFailed) as error:
            self._end()
            name = f"{asked['namespace']}/{asked['name']}"
            raise RendererFailed(f"rendering {name}: {error}") from error
        self._used = time.monotonic()
        return answer

    def _read(self, process: subprocess.Popen[bytes]) -> bytes:
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], _ANSWER_SECONDS)
        line = process.stdout.readline() if readable else b""
        if not line.endswith(b"\n"):
            raise RendererFailed("the process that renders gave no answer")
        return line

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            assert process.stdout is not None
            process.kill()
            with suppress(OSError):  # what it did not read any more is lost with it
                process.stdin.close()
            process.stdout.close()
            process.wait()


def _digest_of_files(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    parts = (hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
    return digest_of([[str(path.relative_to(folder)) for path in files], *parts])
