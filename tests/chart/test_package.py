"""The charts of a release, as `make chart-package` packs them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import helm_python
import pytest

from longshore import __version__
from tests.chart import rendering
from tests.cluster.tools import build

ROOT = rendering.CHART.parent


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Packed in a copy, so that the tree stays as it is."""
    cached = (str(tool.cached) for tool in build.TOOLS if tool.name == "helm")
    helm = shutil.which("helm") or next((one for one in cached if os.access(one, os.X_OK)), None)
    if helm is None:
        pytest.skip("needs helm: make cluster-tools")
    tree = tmp_path_factory.mktemp("tree")
    shutil.copy(ROOT / "Makefile", tree)
    shutil.copytree(rendering.CHART, tree / "chart")
    version = tree / "server/longshore/__init__.py"
    version.parent.mkdir(parents=True)
    shutil.copy(ROOT / "server/longshore/__init__.py", version)
    command = ["make", "chart-package", f"HELM={helm}", "IMAGE_REPOSITORY=ghcr.io/me/longshore"]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)
    found: Path = tree / "build"
    return found


def load(archive: Path) -> helm_python.Chart:
    return helm_python.Chart.load_archive(archive.read_bytes())


@pytest.fixture(scope="module")
def packed(built):
    return load(built / f"longshore-{__version__}.tgz")


@pytest.mark.parametrize("image", [{}, {"pullPolicy": "Always"}, None])
def test_a_packed_chart_runs_the_image_of_its_release(packed, image):
    values = {"model": {"existingClaim": "models"}, "image": image}

    printed = packed.render(values, name="release")

    deployment = printed["longshore/templates/deployment.yaml"]
    assert f'image: "ghcr.io/me/longshore:{__version__}-cpu"' in deployment


def test_an_image_of_ones_own_takes_its_place(packed):
    values = {"model": {"existingClaim": "models"}, "image": {"repository": "mine"}}

    printed = packed.render(values, name="release")

    assert f"mine:{__version__}-cpu" in printed["longshore/templates/deployment.yaml"]


def test_the_packed_chart_of_the_controller_runs_the_controllers_image_of_its_release(built):
    controller = load(built / f"longshore-controller-{__version__}.tgz")

    printed = controller.render({}, name="keeper", namespace="ops")

    deployment = printed["longshore-controller/templates/deployment.yaml"]
    assert f'image: "ghcr.io/me/longshore:{__version__}-controller"' in deployment
    assert (
        "kind: CustomResourceDefinition"
        in printed["longshore-controller/templates/definition.yaml"]
    )


def test_the_chart_that_the_controllers_image_holds_names_the_image_of_its_release(built):
    """`make chart-image` writes into the chart before that image is built from it."""
    chart = helm_python.Chart.load(built / "chart")

    printed = chart.render({"model": {"existingClaim": "models"}}, name="release")

    deployment = printed["longshore/templates/deployment.yaml"]
    assert f'image: "ghcr.io/me/longshore:{__version__}-cpu"' in deployment
