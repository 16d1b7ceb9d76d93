"""Which programs a cluster needs, where they are, and what to install when one is missing.

`python -m tests.cluster.control_plane.programs` says what is missing, and fails when something is.
"""

from __future__ import annotations

import os
import shutil
import sys

from tests.cluster.node_agent import commands
from tests.cluster.node_agent.container import CGROUP_ROOTS
from tests.cluster.tools import build

FROM_DEBIAN = {
    "etcd": "etcd-server",
    "prometheus": "prometheus",
    "runc": "runc",
    "buildah": "buildah",
    "nft": "nftables",
    "ip": "iproute2",
    "openssl": "openssl",
    "setpriv": "util-linux",
}


def find() -> dict[str, str]:
    """The path of each program that is there, by its name."""
    built = {tool.name: build.find(tool) for tool in build.TOOLS}
    found = {name: str(path) for name, path in built.items() if path is not None}
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    for name in FROM_DEBIAN:
        path = (assets and shutil.which(name, path=assets)) or shutil.which(name)
        if path:
            found[name] = path
    return found


def missing(found: dict[str, str]) -> str | None:
    """A sentence that says what to install, or None when nothing is missing."""
    if os.geteuid() != 0:
        return "The cluster tests make network namespaces and run containers: run them as root."
    if not any(os.access(root, os.W_OK) for root in CGROUP_ROOTS):
        return "The cluster tests limit containers by cgroups, which are read-only here."
    if not commands.succeeds("unshare", "--net", "--mount", "true"):
        return "The cluster tests make namespaces, which this machine does not allow."
    packages = [package for name, package in FROM_DEBIAN.items() if name not in found]
    if packages:
        return f"Install the Debian packages {', '.join(packages)} for the cluster tests."
    tools = [tool.name for tool in build.TOOLS if tool.name not in found]
    if tools:
        return f"Run `make cluster-tools` for the cluster tests: {', '.join(tools)} not found."
    return None


if __name__ == "__main__":
    sys.exit(missing(find()))
