"""The GPU image without a GPU: both backends are in it, and it says what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cluster.node_agent.images import Image
from tests.images.running_image import running

pytestmark = [pytest.mark.image, pytest.mark.timeout(300)]

MODELS = Path(__file__).parents[2] / "models"
REQUEST = (MODELS / "digits/request.json").read_bytes()


@pytest.mark.parametrize("name", ["digits", "digits-torchscript", "digits-pt2"])
def test_it_serves_every_format_on_a_read_only_root(gpu_image: Image, tmp_path: Path, name: str):
    with running(gpu_image, MODELS / name, tmp_path) as container:
        container.wait_until_ready()
        answer = container.request(f"/v2/models/{name}/infer", REQUEST)
        logits = json.loads(answer)["outputs"][0]["data"]

        assert logits.index(max(logits)) == 7
        assert container.stop() == 0


@pytest.mark.parametrize("name", ["digits", "digits-torchscript"])
def test_without_a_gpu_it_says_so_and_is_not_ready(gpu_image: Image, tmp_path: Path, name: str):
    with running(gpu_image, MODELS / name, tmp_path, "--device=cuda") as container:
        container.wait_until_said("model not loaded")

        assert "device cuda was asked for" in container.log
        assert not container.is_ready()
