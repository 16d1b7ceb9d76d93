"""The image that the release's pods run, and the controller's.

`python -m tests.cluster.image` builds both with `make image-cpu`, on a stand-in base unless the
true one is in buildah's store. Where it has not been built, pods of a release run on an overlay of
this machine's own root with this tree's virtual environment, which proves all but the Dockerfile.
"""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.node_agent.api import Json
from tests.cluster.tools import base_image

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY, TAG = "localhost/longshore-cpu", "cluster-tests"
CONTROLLER = "localhost/longshore-controller"


@functools.cache
def chosen() -> Json:
    """The chart's `image` value: the built image if it is there, else this machine's root."""
    if base_image.present(f"{REPOSITORY}:{TAG}"):
        return {"repository": REPOSITORY, "tag": TAG, "pullPolicy": "Never"}
    return {"repository": "machine/longshore", "tag": "this-tree", "pullPolicy": "Never"}


def of_controller() -> Json:
    """The value `image` of the controller's chart; skips the test where the image is not built."""
    if not base_image.present(f"{CONTROLLER}:{TAG}"):
        pytest.skip("Run `python -m tests.cluster.image` to test the controller in its pod.")
    return {"repository": CONTROLLER, "tag": TAG, "pullPolicy": "Never"}


def build(name: str, *, device: str = "cpu", extras: str | None = None, tree: Path = ROOT) -> None:
    """Build `Dockerfile.<device>` of the tree, by default with the file's own extras; unchanged
    layers come from buildah's cache.
    """
    for base in bases((tree / f"Dockerfile.{device}").read_text(encoding="utf-8")):
        base_image.ensure(base)
    command = ["make", "--directory", str(tree), f"image-{device}", f"IMAGE={name}"]
    if extras is not None:
        command.append(f"IMAGE_ARGS=--build-arg EXTRAS={extras}")
    subprocess.run(["nice", "-n", "10", *command], check=True)


def bases(dockerfile: str) -> list[str]:
    """The images that a Dockerfile starts from, its own stages left out."""
    arguments = dict(re.findall(r"^ARG\s+(\w+)=(\S+)", dockerfile, re.MULTILINE))
    stages, found = set(), []
    for image, stage in re.findall(r"^FROM\s+(\S+)(?:\s+AS\s+(\S+))?", dockerfile, re.M | re.I):
        image = re.sub(r"\$\{?(\w+)\}?", lambda name: arguments.get(name[1], name[0]), image)
        if image not in stages:
            found.append(image if "/" in image else f"docker.io/library/{image}")
        stages.add(stage)
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    build(f"{REPOSITORY}:{TAG}")
    build(f"{CONTROLLER}:{TAG}", extras="controller")
    sys.stdout.write(f"{chosen()}\n")
