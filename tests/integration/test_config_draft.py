"""What `longshore inspect` prints, saved as it is, is what `longshore serve` takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import torch

from longshore.loading.config_draft import FIRST_LINE
from tests.attacks.served_process import ServedProcess


@pytest.mark.filterwarnings("ignore:`torch:DeprecationWarning")
def test_a_config_that_inspect_prints_is_accepted_by_serve(tmp_path: Path) -> None:
    root = tmp_path / "linear"
    (root / "1").mkdir(parents=True)
    torch.jit.save(torch.jit.script(torch.nn.Linear(7, 3)), root / "1" / "model.pt")

    command = [sys.executable, "-m", "longshore.cli", "inspect", str(root)]
    printed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    _, comment, config = printed.partition(f"# {FIRST_LINE}\n")
    (root / "config.yaml").write_text(comment + config)

    with ServedProcess(root, version_settle_seconds=0) as server:
        rows = {"name": "input", "shape": [2, 7], "datatype": "FP32", "data": [0.0] * 14}
        url = f"http://127.0.0.1:{server.port}/v2/models/linear/infer"
        answer = httpx.post(url, json={"inputs": [rows]}).json()
        assert [output["shape"] for output in answer["outputs"]] == [[2, 3]]
