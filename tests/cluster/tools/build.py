"""Build the control plane's Go programs into a cache outside the work tree.

`python -m tests.cluster.tools.build` needs Go, and builds what is neither cached for its version
nor found on PATH or in KUBEBUILDER_ASSETS. Cold it takes minutes, cached it takes none.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

MODULES = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("LONGSHORE_CLUSTER_CACHE", Path.home() / ".cache/longshore-cluster"))
STAMP_PACKAGE = "k8s.io/component-base/version"


@dataclass(frozen=True, slots=True)
class Tool:
    """One program: the folder of its go.mod, its package, and the program's usual name."""

    module: str
    package: str
    name: str
    library: str = ""
    """Of a program of ours, the module whose version it has."""

    @property
    def version(self) -> str:
        """The version that the module's go.mod requires, such as v1.36.3."""
        path = self.library or self.package.split("/cmd/")[0]
        text = (MODULES / self.module / "go.mod").read_text(encoding="utf-8")
        found = re.search(rf"^(?:require|\t|\s)*{re.escape(path)} (v\S+)", text, re.MULTILINE)
        if found is None:
            raise LookupError(f"{self.module}/go.mod does not require {path}")
        return found[1]

    @property
    def cached(self) -> Path:
        """Where the built program lies, whether or not it is there yet."""
        return CACHE / self.module / self.version / self.name


TOOLS = (
    Tool("kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", "kube-apiserver"),
    Tool("kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager", "kube-controller-manager"),
    Tool("kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler", "kube-scheduler"),
    Tool("kubernetes", "k8s.io/kubernetes/cmd/kubectl", "kubectl"),
    Tool("helm", "helm.sh/helm/v4/cmd/helm", "helm"),
    Tool("prometheus-adapter", "sigs.k8s.io/prometheus-adapter/cmd/adapter", "adapter"),
    Tool("keda", "github.com/kedacore/keda/v2/cmd/operator", "keda"),
    Tool("keda", "github.com/kedacore/keda/v2/cmd/adapter", "keda-adapter"),
    Tool("keda", "github.com/kedacore/keda/v2/cmd/webhooks", "keda-admission-webhooks"),
    Tool("argo-diff", ".", "argo-diff", "github.com/argoproj/gitops-engine"),
)


def find(tool: Tool) -> Path | None:
    """The program to run: from KUBEBUILDER_ASSETS, else the one built here, else from PATH.

    A built program goes before PATH, where a kubectl or helm of any age may lie.
    """
    if found := _chosen(tool):
        return found
    on_path = shutil.which(tool.name)
    return Path(on_path) if on_path else None


def _chosen(tool: Tool) -> Path | None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and (found := shutil.which(tool.name, path=assets)):
        return Path(found)
    return tool.cached if tool.cached.exists() else None


def build(tool: Tool) -> None:
    """Compile `tool` into the cache, at the lowest priority."""
    tool.cached.parent.mkdir(parents=True, exist_ok=True)
    unfinished = tool.cached.with_suffix(".building")
    command = ["nice", "-n", "19", "go", "build", "-o", str(unfinished)]
    command += ["-ldflags", _linker_flags(tool), tool.package]
    settings = {
        "CGO_ENABLED": "0",
        "GOCACHE": str(CACHE / "go-build"),
        "GOFLAGS": "-buildvcs=false",
    }
    subprocess.run(command, cwd=MODULES / tool.module, env={**os.environ, **settings}, check=True)
    unfinished.rename(tool.cached)


def _linker_flags(tool: Tool) -> str:
    """Unstamped Kubernetes binaries report v0.0.0, which Helm's Capabilities would read."""
    flags = "-s -w"
    if tool.module == "kubernetes":
        major, minor, _ = tool.version.removeprefix("v").split(".")
        stamps = {"gitVersion": tool.version, "gitMajor": major, "gitMinor": minor}
        flags += "".join(f" -X {STAMP_PACKAGE}.{key}={value}" for key, value in stamps.items())
    return flags


def main() -> int:
    """Build what is missing; the exit status is 1 when Go is missing too, and PATH has it not."""
    missing = [tool for tool in TOOLS if _chosen(tool) is None]
    if missing and shutil.which("go") is None:
        nowhere = ", ".join(tool.name for tool in missing if find(tool) is None)
        if nowhere:
            sys.stderr.write(f"Install Go 1.26, or set KUBEBUILDER_ASSETS: {nowhere} not found\n")
            return 1
        missing = []
    for tool in missing:
        begun = time.monotonic()
        build(tool)
        sys.stdout.write(f"{tool.name} {tool.version} in {time.monotonic() - begun:.0f} s\n")
        sys.stdout.flush()
    sys.stdout.write("".join(f"{tool.name}: {find(tool)}\n" for tool in TOOLS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
