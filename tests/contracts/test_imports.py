from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_imports_point_one_way():
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """The modules of a server that has started, in a process of its own."""
    program = (
        "import sys, longshore.cli, longshore.commands.serve, longshore.server\nprint(*sys.modules)"
    )
    command = [sys.executable, "-c", program]
    return set(
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    )


@pytest.mark.parametrize(
    "module",
    [
        *("torch", "onnxruntime", "kubernetes", "onnx"),
        *("starlette.routing", "yaml", "difflib", "numpy.random"),
        *("longshore.rest.openapi", "longshore.lifecycle.device_sampler"),
        *(
            "longshore.rest.console",
            "longshore.rest.console_routes",
            "longshore.examples",
            "longshore.client",
        ),
        *("opentelemetry", "longshore.rest.observation", "longshore.rest.tracing"),
        "longshore.loading.measurement.learner",
    ],
)
def test_the_server_imports_no_framework_and_nothing_that_few_starts_need(imported, module):
    assert "longshore.server" in imported
    assert module not in imported
