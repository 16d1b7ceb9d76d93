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


@pytest.mark.parametrize(
    "module",
    [
        *("torch", "onnxruntime", "kubernetes", "onnx"),
        *("starlette.routing", "yaml", "difflib", "numpy.random"),
        *("longshore.rest.openapi", "longshore.lifecycle.device_sampler"),
        "longshore.loading.measurement.learner",
    ],
)
def test_the_server_imports_no_framework_and_nothing_that_few_starts_need(module):
    modules = "longshore.cli, longshore.commands.serve, longshore.server"
    program = f"import sys, {modules}; sys.exit('{module}' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)

    assert result.returncode == 0
