"""Where each command of a document is run: by a test from the text, or on which rung and why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import takewhile
from pathlib import Path

from tests.guides.document import Command, commands

ROOT = Path(__file__).parents[2]
NETWORK = "needs a package index or a registry"
DEVELOPER = "a target for developers, by itself"


@dataclass(frozen=True)
class Row:
    """Commands of documents, by patterns of the path and of the command's first line."""

    document: str
    command: str
    test: str = ""
    """A test that takes them from the text and runs them."""
    rung: str = ""
    """What does the same, where a test at hand cannot: a make target, or a workflow."""
    reason: str = ""

    def holds(self, document: str, command: Command) -> bool:
        line = command.text.partition("\n")[0]
        return fnmatch(document, self.document) and bool(re.fullmatch(self.command, line))


FIRST_PATH = "tests/integration/test_first_path.py"
DOORSTEP = "tests/cluster/test_doorstep.py"
CAPACITY = "tests/capacity/test_documented_commands.py"
CLUSTER = "make test-cluster"
ON_CLUSTER = "needs a cluster; what it does is done to releases there"
IMAGE = "needs buildah or Docker"
WHERE = (
    Row("docs/guides/*.md", r".*", "tests/guides/test_guides.py"),
    Row("README.md", r"make serve|curl .*", FIRST_PATH),
    Row("README.md", r"longshore (inspect|predict|serve|calibrate|example) .*", FIRST_PATH),
    Row("docs/capacity.md", r"pip .*|longshore capacity models.*", CAPACITY),
    Row("docs/capacity.md", r"longshore replay --synthetic.*", CAPACITY),
    Row("docs/capacity.md", r"longshore replay .*load.csv.*", "tests/replay/test_command.py"),
    Row("chart/README.md", r"sed .*", "tests/monitoring/test_scrape_intervals.py"),
    Row(
        "docs/troubleshooting/*.md",
        r"kubectl (get|describe|logs) .*|longshore .* -n shop.*",
        "tests/cluster/test_troubleshooting.py",
    ),
    Row(
        "docs/troubleshooting/*.md",
        r"kubectl port-forward .*|curl .*|longshore predict .*",
        rung=CLUSTER,
        reason="a forwarded port: the nodes of the tests' control plane have none",
    ),
    Row("docs/doctor/README.md", r"longshore doctor .*", DOORSTEP),
    Row(
        "chart/controller/README.md",
        r"longshore push .*|kubectl patch lsm .*|kubectl get lsm .* -w",
        "tests/cluster/test_controller_pod.py",
    ),
    Row(
        "chart/controller/README.md",
        r"(helm|kubectl|longshore) .*",
        "tests/cluster/test_documented_controller.py",
    ),
    Row(
        "README.md",
        r"helm (install|test|upgrade) sentiment.*|longshore (push|doctor) .*",
        DOORSTEP,
    ),
    Row("docs/kubernetes.md", r"(helm|kubectl|longshore) .*", DOORSTEP),
    Row("docs/autoscaling.md", r"helm upgrade .*|kubectl .*", DOORSTEP),
    Row("docs/capacity.md", r"helm .*|longshore push .*|kubectl .*", DOORSTEP),
    Row("chart/README.md", r"helm (install|test) .*|longshore (push|versions) .*", DOORSTEP),
    Row("README.md", r"pip .*", rung="make serve", reason=NETWORK),
    Row("*.md", r"helm repo add .*", rung="by hand", reason=NETWORK),
    Row("docs/autoscaling.md", r"helm install prometheus.*", rung=CLUSTER, reason=ON_CLUSTER),
    Row("*.md", r"helm (install|upgrade|test|get) .*", rung=CLUSTER, reason=ON_CLUSTER),
    Row(
        "docs/capacity.md",
        r"longshore capacity --release .*",
        rung=CLUSTER,
        reason="minutes of load; tests/cluster/test_capacity.py does it with one size",
    ),
    Row("docs/doctor/*.md", r"pip .*", rung="make check", reason=NETWORK),
    Row("docs/gpu.md", r".*", rung="make test-gpu", reason="needs a GPU"),
    Row("tests/gpu/*.md", r".*", rung="make test-gpu", reason="needs a GPU"),
    Row("*.md", r"make image-.*", rung="make test-image", reason=IMAGE),
    Row("*.md", r"buildah push .*", rung=".github/workflows/release.yaml", reason=NETWORK),
    Row("*.md", r"cosign verify .*", rung=".github/workflows/release.yaml", reason=NETWORK),
    Row("docs/traces.md", r"OTEL_\w+=.* \\", "tests/integration/test_tracing.py"),
    Row("loadtests/README.md", r"locust .*", "tests/loadtests/test_documented_commands.py"),
    Row("loadtests/README.md", r"pip .*", rung="make serve", reason=NETWORK),
    Row("README.md", r"make bench-peers .*", rung="make bench-peers", reason=NETWORK),
    Row("loadtests/bench/README.md", r"apt-get .*", rung="make bench", reason=NETWORK),
    Row("loadtests/bench/README.md", r"python -m .*|make .*", rung="make bench", reason=DEVELOPER),
    Row("CONTRIBUTING.md", r"make .*|\.venv/bin/.*", rung=".ci/run", reason=DEVELOPER),
    Row("tests/cluster/README.md", r"make .*|\.venv/bin/.*", rung=CLUSTER, reason=DEVELOPER),
)
"""The first row that holds counts."""


def documents() -> list[Path]:
    """Every document of the repository."""
    return [
        path
        for pattern in ("*.md", "[a-z]*/**/*.md")
        for path in sorted(ROOT.glob(pattern))
        if path.relative_to(ROOT).parts[0] != "build"
    ]


def documented() -> Iterator[tuple[str, Command]]:
    """Every command with the path of its document."""
    for path in documents():
        for command in commands(path):
            yield str(path.relative_to(ROOT)), command


def where(document: str, command: Command) -> Row | None:
    return next((row for row in WHERE if row.holds(document, command)), None)


def words(command: Command) -> list[str]:
    """Of its first program, without variables before it."""
    given = command.words
    while re.match(r"[A-Z_]+=", given[0]):
        given.pop(0)
    return list(takewhile(lambda word: word not in ("|", ">", "&&"), given))
