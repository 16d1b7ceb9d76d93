"""The image of `longshore controller`: Dockerfile.cpu by its EXTRAS."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.cluster import image as cluster_image
from tests.cluster.node_agent import commands
from tests.cluster.node_agent.images import Image, ImageStore

pytestmark = [pytest.mark.image, pytest.mark.timeout(600)]

NAME = "localhost/longshore-controller:image-tests"
CHART = Path(__file__).parents[2] / "chart"
RENDER = """
from pathlib import Path
from longshore_k8s.controller.renderer import Renderer
renderer = Renderer(Path("/opt/longshore/chart"))
values = {"image": {"repository": "a/b"}, "model": {"existingClaim": "models"}}
objects = renderer.render(("models", "text"), values)
renderer.close()
print(renderer.chart_version, *sorted(one["kind"] for one in objects))
"""


@pytest.fixture(scope="module")
def controller_image(built_image: str, store: ImageStore) -> Image:
    cluster_image.build(NAME, extras="controller")
    return store.find(NAME)


def test_it_renders_the_chart_that_it_holds(controller_image: Image):
    python = "/opt/longshore/bin/python"
    said = commands.run("chroot", controller_image.root, python, "-c", RENDER)
    version, *kinds = said.split()

    assert version == yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["version"]
    assert {"ConfigMap", "Deployment", "Service"} <= set(kinds)


def test_it_holds_the_library_once_and_no_framework(controller_image: Image):
    installed = Path(controller_image.root) / "opt/longshore/lib"

    assert len([*installed.rglob("libhelm_c*")]) == 1
    assert [*installed.rglob("onnxruntime")] == []


def test_the_image_of_servers_has_neither_chart_nor_library(mounted_image: Image):
    place = Path(mounted_image.root) / "opt/longshore"

    assert not (place / "chart").exists()
    assert [*place.rglob("libhelm_c*")] == []
