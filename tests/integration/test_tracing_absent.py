"""Tracing where it is not wanted, and where it is not installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.attacks.served_process import ServedProcess, identity_model
from tests.integration.test_lifecycle import QUICK, ask

TRACEPARENT = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
WITHOUT = (
    "-c",
    "import runpy, sys; sys.modules['opentelemetry'] = None; "
    "runpy.run_module('longshore.cli', run_name='__main__')",
)
"""Python, as where the extra is not installed."""
ASSEMBLED = """
import asyncio, sys
from longshore.assembly import assemble
from longshore.settings.reading import load_settings

async def main():
    assemble(load_settings({"model_path": sys.argv[1]} | eval(sys.argv[2]), {}))

asyncio.run(main())
print(*sorted({"opentelemetry", "longshore.rest.observation"} & sys.modules.keys()))
"""


@pytest.mark.parametrize(
    ("settings", "imported"),
    [({}, []), ({"access_log": True}, ["longshore.rest.observation"])],
)
def test_what_is_off_is_not_imported(tmp_path, settings, imported):
    command = [sys.executable, "-c", ASSEMBLED, str(identity_model(tmp_path)), repr(settings)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)

    assert result.stdout.split() == imported


def test_a_server_that_traces_nothing_needs_no_opentelemetry(tmp_path):
    with ServedProcess(identity_model(tmp_path), program=WITHOUT, **QUICK) as server:
        status, headers, _ = ask(server, headers=TRACEPARENT)

    assert status == 200
    assert "traceresponse" not in headers


def test_tracing_that_is_not_installed_says_what_to_install(tmp_path):
    server = ServedProcess(identity_model(tmp_path), program=WITHOUT, tracing="otlp", **QUICK)
    try:
        assert server.wait() == 2
    finally:
        server.stop()

    assert "needs the extra 'otel'" in server.log
    assert "pip install 'longshore[otel]'" in server.log
    assert "Traceback" not in server.log
