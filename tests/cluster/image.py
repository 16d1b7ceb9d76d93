"""The image that the release's pods run.

`python -m tests.cluster.image` builds it with `make image-cpu`, on a stand-in base unless the true
one is in buildah's store. Where it has not been built, pods run on an overlay of
this machine's own root with this tree's virtual environment, which proves all but the Dockerfile.
"""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from pathlib import Path

from tests.cluster.node_agent.api import Json
from tests.cluster.tools import base_image

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY, TAG = "localhost/longshore-cpu", "cluster-tests"


@functools.cache
def chosen() -> Json:
    """The chart's `image` value: the built image if it is there, else this machine's root."""
    if base_image.present(f"{REPOSITORY}:{TAG}"):
        return {"repository": REPOSITORY, "tag": TAG, "pullPolicy": "Never"}
    return {"repository": "machine/longshore", "tag": "this-tree", "pullPolicy": "Never"}


def build(name: str, *, device: str = "cpu", tree: Path = ROOT) -> None:
    """Build `Dockerfile.<device>` of the tree; unchanged layers come from buildah's cache."""
    for base in bases((tree / f"Dockerfile.{device}").read_text(encoding="utf-8")):
        base_image.ensure(base)
    command = ["make", "--directory", str(tree), f"image-{device}", f"IMAGE={name}"]
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
    sys.stdout.write(f"{chosen()}\n")
