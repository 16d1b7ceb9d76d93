"""A server inside this process: all of `longshore serve` but its ports."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from longshore.assembly import Parts, assemble
from longshore.client.exchange import Reply
from longshore.cpu.quantity import whole_cpus
from longshore.cpu.quota import cpu_quantity
from longshore.errors import ModelLoadError
from longshore.protocol.steps import Body
from longshore.settings.reading import load_settings

DEFAULT_URL = "http://localhost:8000"
"""Where the model will be once it is served."""
BUDGET_SECONDS = 1.0
"""For finding inputs that work: one request at a time needs no plan."""
CLOSE_SECONDS = 5.0
_QUIET = logging.NullHandler()
"""What goes wrong is raised: without a handler, Python would print it besides."""
HERE = {
    "max_batch_size": 0,
    "instances": 1,
    "calibration_budget_seconds": BUDGET_SECONDS,
    "calibration_cache": "",
    "version_settle_seconds": 0,
    "json_processes": 0,
}
"""The model is loaded as by `longshore serve`; batching is neither proven nor measured."""


class LocalServer:
    """Answers as the inference port would. Settings that clients may choose are in `settings`.

    Raises:
        SettingsError: one of them has a value that is not allowed.
        ModelLoadError: nothing can be served; says why.
    """

    def __init__(self, directory: Path, settings: Mapping[str, Any]) -> None:
        if not directory.exists():
            raise ModelLoadError(f"{directory}: no such file or directory")
        self.base_url = DEFAULT_URL
        self.needs_token = False
        logging.getLogger("longshore").addHandler(_QUIET)
        threads = whole_cpus(cpu_quantity())
        given = {**HERE, "threads": threads, "model_path": str(directory), **settings}
        self._settings = load_settings(given, {})
        self._runner = asyncio.Runner()
        try:
            self._parts = self._runner.run(self._start())
        except BaseException:
            self._runner.close()
            raise

    def where(self, path: str) -> str:
        return self._settings.model.model_path

    def exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: Body = b""
    ) -> Reply:
        return self._runner.run(self._call(method, path, headers, body))

    def close(self) -> None:
        self._runner.run(self._close(self._parts))
        self._runner.close()

    async def _start(self) -> Parts:
        parts = assemble(self._settings)
        await parts.manager.refresh()
        served = parts.manager.served
        if served.is_ready:
            return parts
        problems = "; ".join(served.describe_problems()) or "there is no version to serve"
        await self._close(parts)
        raise ModelLoadError(f"{self._settings.model.model_path}: {problems}")

    async def _close(self, parts: Parts) -> None:
        await parts.manager.close(CLOSE_SECONDS)

    async def _call(self, method: str, path: str, headers: Mapping[str, str], body: Body) -> Reply:
        """One exchange by ASGI (https://asgi.readthedocs.io/en/latest/specs/www.html)."""
        given = {"content-length": str(len(body)), **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in given.items()],
        }
        whole = [{"type": "http.request", "body": body, "more_body": False}]
        status, found, content = 0, {}, bytearray()

        async def receive() -> dict[str, Any]:
            if not whole:
                await asyncio.Event().wait()  # the client stays
            return whole.pop()

        async def send(message: Any) -> None:
            nonlocal status, found
            if message["type"] == "http.response.start":
                status = message["status"]
                found = {k.decode().lower(): v.decode("latin-1") for k, v in message["headers"]}
            else:
                content.extend(message["body"])

        await self._parts.inference_port.app(scope, receive, send)
        return Reply(status, found, bytes(content))
