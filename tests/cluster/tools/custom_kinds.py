"""Fetch what operators bring into a cluster, from the published modules that carry it.

With the definition of a kind the API server checks what the chart renders as the operator's users
would see it. KEDA's other objects give its programs permissions, and lead the API server to them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.tools.build import CACHE, TOOLS


@dataclass(frozen=True, slots=True)
class OperatorFile:
    """One file of a published Go module: a kind's definition, or objects that an operator needs."""

    name: str
    """Of a kind, as the API server calls it: plural and group."""

    module: str
    version: str
    file: str

    @property
    def cached(self) -> Path:
        """Where the file lies, whether or not it is there yet."""
        return CACHE / "custom-kinds" / self.version / f"{self.name}.yaml"


KEDA = (
    "github.com/kedacore/keda/v2",
    next(tool.version for tool in TOOLS if tool.module == "keda"),
)
KEDA_KINDS = tuple(
    OperatorFile(f"{plural}.{group}", *KEDA, f"config/crd/bases/{group}_{plural}.yaml")
    for group, plural in (
        ("keda.sh", "scaledobjects"),
        ("keda.sh", "scaledjobs"),
        ("keda.sh", "triggerauthentications"),
        ("keda.sh", "clustertriggerauthentications"),
        ("eventing.keda.sh", "cloudeventsources"),
        ("eventing.keda.sh", "clustercloudeventsources"),
    )
)
KEDA_ROLES = tuple(
    OperatorFile(f"keda-{folder}-{file}", *KEDA, f"config/{folder}/{file}.yaml")
    for folder in ("rbac", "metrics-server")
    for file in ("role", "role_binding")
)
KEDA_API_SERVICE = OperatorFile("keda-api-service", *KEDA, "config/metrics-server/api_service.yaml")
KEDA_WEBHOOKS = OperatorFile("keda-webhooks", *KEDA, "config/webhooks/validation_webhooks.yaml")
OF_KEDA = (*KEDA_KINDS, *KEDA_ROLES, KEDA_API_SERVICE, KEDA_WEBHOOKS)
OPERATOR = ("github.com/prometheus-operator/prometheus-operator", "v0.85.0")
OPERATOR_FILES = "example/prometheus-operator-crd/monitoring.coreos.com_"
MONITORING = tuple(
    OperatorFile(f"{plural}.monitoring.coreos.com", *OPERATOR, f"{OPERATOR_FILES}{plural}.yaml")
    for plural in ("podmonitors", "servicemonitors", "prometheusrules", "prometheuses")
)
GATEWAY = (
    OperatorFile(
        "httproutes.gateway.networking.k8s.io",
        "sigs.k8s.io/gateway-api",
        "v1.6.1",
        "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
    ),
)
EVERY = (*OF_KEDA, *MONITORING, *GATEWAY)


def fetch(wanted: OperatorFile) -> None:
    """Download the module and keep the one file that is wanted."""
    command = ["go", "mod", "download", "-json", f"{wanted.module}@{wanted.version}"]
    wanted.cached.parent.mkdir(parents=True, exist_ok=True)
    # From a folder without a go.mod: the version stands above.
    answer = subprocess.run(command, cwd=wanted.cached.parent, check=True, capture_output=True)
    module = Path(json.loads(answer.stdout)["Dir"])
    unfinished = wanted.cached.with_suffix(".fetching")
    shutil.copyfile(module / wanted.file, unfinished)
    unfinished.rename(wanted.cached)


def main() -> int:
    """Fetch what is missing; without Go the scenarios that need it are skipped."""
    missing = [wanted for wanted in EVERY if not wanted.cached.exists()]
    if missing and shutil.which("go") is None:
        sys.stderr.write("Go is not installed: install Go 1.26 to check what operators read\n")
        return 0
    for wanted in missing:
        fetch(wanted)
    sys.stdout.write(
        "".join(f"{wanted.name} {wanted.version}: {wanted.cached}\n" for wanted in EVERY)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
