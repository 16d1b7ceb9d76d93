"""The whole path once, on a real server of this machine."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from longshore_k8s.capacity.local_measurement import measure_locally
from longshore_k8s.capacity.objective import parse_objective
from longshore_k8s.capacity.pace import Pace
from longshore_k8s.capacity.unsound import UnsoundError
from longshore_k8s.capacity.wanted import Wanted

MODELS = Path(__file__).parents[2] / "models"
SHORT = Pace(60, (0.3, 0.5), 100, (0.3, 0.5), (0.3, 0.5), burst_seconds=0.4, overload_seconds=0.3)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs a core for the client")
def test_a_real_server_that_wants_a_token_is_started_loaded_and_gone_afterwards(tmp_path):
    told: list[str] = []
    steps: list[dict] = []
    (tmp_path / "tokens").write_text("letmein\n")
    wanted = Wanted(
        parse_objective("p99=30s", "50%"), starts=1, is_noise_allowed=True, pace=SHORT,
        serve_options=(
            "--instances", "1", "--threads", "1", "--calibration-budget-seconds", "1",
            "--auth-token-file", str(tmp_path / "tokens"),
        ),
        headers=("Authorization: Bearer letmein",),
    )  # fmt: skip

    found = measure_locally(MODELS / "digits", 1.0, wanted, tell=told.append, record=steps.append)

    assert found.knee > 50
    assert found.burst_rate > 50
    assert found.memory_peak > 30 * 2**20
    assert len(found.cold_seconds) == len(found.kept_seconds) == 1
    assert found.model["name"] == "digits"
    assert [step["purpose"] for step in steps][:4] == ["fit", "fit", "fit", "check"]
    assert steps[-1]["purpose"] == "overload"
    assert any("the pod has" in text for text in told)


def test_a_model_that_cannot_be_served_says_why(tmp_path):
    (tmp_path / "broken" / "1").mkdir(parents=True)
    (tmp_path / "broken" / "1" / "model.onnx").write_bytes(b"not a model")
    wanted = replace(Wanted(parse_objective("p99=1s", "1%")), starts=1, is_noise_allowed=True)

    with pytest.raises(UnsoundError, match=r"did not become ready.*model\.onnx"):
        measure_locally(
            tmp_path / "broken", 0.5, wanted, tell=lambda text: None, record=lambda step: None
        )
