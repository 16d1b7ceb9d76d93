"""Fetch the definitions of kinds that operators bring, from the modules that carry them.

With a definition the API server checks what the chart renders as the operator's users would see it,
without the operator.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.tools.build import CACHE


@dataclass(frozen=True, slots=True)
class CustomKind:
    """One kind, and the file of a published Go module that defines it."""

    name: str
    """As the API server calls it: plural and group."""

    module: str
    version: str
    file: str

    @property
    def cached(self) -> Path:
        """Where the definition lies, whether or not it is there yet."""
        return CACHE / "custom-kinds" / self.version / f"{self.name}.yaml"


KEDA = ("github.com/kedacore/keda/v2", "v2.21.0")
OPERATOR = ("github.com/prometheus-operator/prometheus-operator", "v0.85.0")
OPERATOR_FILES = "example/prometheus-operator-crd/monitoring.coreos.com_"
SCALED_OBJECT = CustomKind(
    "scaledobjects.keda.sh", *KEDA, "config/crd/bases/keda.sh_scaledobjects.yaml"
)
MONITORING = tuple(
    CustomKind(f"{plural}.monitoring.coreos.com", *OPERATOR, f"{OPERATOR_FILES}{plural}.yaml")
    for plural in ("podmonitors", "servicemonitors", "prometheusrules")
)
EVERY = (SCALED_OBJECT, *MONITORING)


def fetch(kind: CustomKind) -> None:
    """Download the module and keep the one file that is wanted."""
    command = ["go", "mod", "download", "-json", f"{kind.module}@{kind.version}"]
    kind.cached.parent.mkdir(parents=True, exist_ok=True)
    # From a folder without a go.mod: the version stands above.
    answer = subprocess.run(command, cwd=kind.cached.parent, check=True, capture_output=True)
    module = Path(json.loads(answer.stdout)["Dir"])
    unfinished = kind.cached.with_suffix(".fetching")
    shutil.copyfile(module / kind.file, unfinished)
    unfinished.rename(kind.cached)


def main() -> int:
    """Fetch what is missing; without Go the scenarios that need it are skipped."""
    missing = [kind for kind in EVERY if not kind.cached.exists()]
    if missing and shutil.which("go") is None:
        sys.stderr.write("Go is not installed: install Go 1.26 to check what operators read\n")
        return 0
    for kind in missing:
        fetch(kind)
    sys.stdout.write("".join(f"{kind.name} {kind.version}: {kind.cached}\n" for kind in EVERY))
    return 0


if __name__ == "__main__":
    sys.exit(main())
