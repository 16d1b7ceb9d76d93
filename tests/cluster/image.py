"""The image that the release's pods run.

`python -m tests.cluster.image` builds it from the project's own Dockerfile.cpu with buildah, on a
stand-in base where no registry is at hand. Where it has not been built, pods run on an overlay of
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
DOCKERFILE = ROOT / "Dockerfile.cpu"
REPOSITORY, TAG = "localhost/longshore-cpu", "cluster-tests"
CERTIFICATES = "/etc/ssl/certs"


@functools.cache
def chosen() -> Json:
    """The chart's `image` value: the built image if it is there, else this machine's root."""
    if base_image.present(f"{REPOSITORY}:{TAG}"):
        return {"repository": REPOSITORY, "tag": TAG, "pullPolicy": "Never"}
    return {"repository": "machine/longshore", "tag": "this-tree", "pullPolicy": "Never"}


def build(dockerfile: Path, name: str) -> None:
    """Build a Dockerfile of this tree; unchanged layers come from buildah's cache."""
    for base in bases(dockerfile.read_text(encoding="utf-8")):
        base_image.ensure(base)
    command = ["buildah", "build", "--layers", "--pull-never", "--network", "host"]
    command += ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
    command += ["--file", str(dockerfile), "--tag", name, str(ROOT)]
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
    if DOCKERFILE.exists():
        build(DOCKERFILE, f"{REPOSITORY}:{TAG}")
    sys.stdout.write(f"{chosen()}\n")
