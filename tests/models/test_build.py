from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MODELS = Path(__file__).parents[2] / "models"


@pytest.mark.models
@pytest.mark.timeout(300)  # training takes ten seconds of a processor of its own
def test_the_script_makes_the_example_models_as_they_are_bit_for_bit(tmp_path):
    copy = tmp_path / "models"
    copy.mkdir()
    shutil.copy(MODELS / "build.py", copy)

    subprocess.run(
        [sys.executable, "-W", "ignore", "build.py"], cwd=copy, capture_output=True, check=True
    )

    made = sorted(path.relative_to(copy) for path in copy.glob("digits*/**/*") if path.is_file())
    assert len(made) == 7
    for path in made:
        assert (copy / path).read_bytes() == (MODELS / path).read_bytes(), path
