"""Make a stand-in for the Python base image of Dockerfile.cpu, where no image registry is at hand.

Debian's own packages, unpacked by debootstrap and imported under the official image's name. It
differs from the official one in Python's place (/usr/bin, with links) and in size.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.cluster.node_agent import commands
from tests.cluster.tools.build import CACHE

SUITE = "bookworm"
PACKAGES = "ca-certificates,python3,python3-pip,python3-venv"
ARCHIVE = CACHE / "base" / f"{SUITE}-python3.11.tar"
MIRROR = "http://deb.debian.org/debian"


def present(name: str) -> bool:
    """Whether an image of that name is in buildah's store."""
    return commands.succeeds("buildah", "inspect", "--type", "image", name)


def make_archive() -> None:
    """Unpack Debian into a folder, and pack it as one tar file in the cache."""
    root = ARCHIVE.parent / "root"
    root.mkdir(parents=True, exist_ok=True)
    command = [
        "debootstrap",
        "--variant=minbase",
        f"--include={PACKAGES}",
        SUITE,
        str(root),
        MIRROR,
    ]
    subprocess.run(["nice", "-n", "19", *command], check=True, stdout=subprocess.DEVNULL)
    for name, target in (("python", "/usr/bin/python3"), ("python3", "/usr/bin/python3")):
        (root / "usr/local/bin" / name).symlink_to(target)
    # An isolated interpreter of its own: the official image lets pip install into it.
    (root / "usr/lib/python3.11/EXTERNALLY-MANAGED").unlink(missing_ok=True)
    subprocess.run(
        ["rm", "-rf", str(root / "var/cache/apt"), str(root / "var/lib/apt")], check=True
    )
    with tarfile.open(ARCHIVE.with_suffix(".packing"), "w") as packed:
        packed.add(root, arcname=".")
    ARCHIVE.with_suffix(".packing").rename(ARCHIVE)
    shutil.rmtree(root)


def import_as(name: str) -> None:
    """Put the archive into buildah's store under that image name."""
    container = commands.run("buildah", "from", "scratch")
    try:
        commands.run("buildah", "add", container, str(ARCHIVE), "/")
        environment = ("--env", "PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin")
        commands.run("buildah", "config", *environment, "--cmd", "python3", container)
        commands.run("buildah", "commit", container, name)
    finally:
        commands.succeeds("buildah", "rm", container)


def ensure(name: str) -> None:
    """Make the image `name` exist; takes about 80 s where nothing is cached."""
    if present(name):
        return
    if not ARCHIVE.exists():
        make_archive()
    import_as(name)


if __name__ == "__main__":
    ensure(sys.argv[1])
    sys.stdout.write(f"{sys.argv[1]}: from {Path(ARCHIVE)}\n")
