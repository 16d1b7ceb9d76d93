"""A pod that serves ONNX never pays for importing torch, and the other way round; one on the CPU
pays for nothing that is for a GPU.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MODELS = Path(__file__).parents[2] / "models"
PROGRAM = """
import sys
from pathlib import Path
import longshore.assembly
import longshore.server
from longshore.loading.load_options import LoadOptions
from longshore.loading.model_loader import load_model
from longshore.lifecycle.warmup import warm_up
from longshore.repository.layout import ModelRepository

repository = ModelRepository(Path(sys.argv[1]), settle_seconds=0)
(artifact,) = repository.scan().artifacts
options = LoadOptions(cpus=1, calibration_budget_seconds=0)
warm_up(load_model(artifact, repository.config(), options))
print(*sorted({"torch", "onnxruntime", "onnx", "kubernetes"} & sys.modules.keys()))
print(*sorted(name for name in sys.modules if name.startswith("longshore.") and "cuda" in name))
"""


@pytest.mark.parametrize(
    ("model", "imported"),
    [
        ("digits", "onnxruntime"),
        ("digits-torchscript", "torch"),
        ("digits-pt2", "torch"),
    ],
)
def test_serving_a_format_imports_its_own_framework_alone(model, imported):
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(MODELS / model)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)

    assert result.stdout.split() == [imported]  # and no module for CUDA
