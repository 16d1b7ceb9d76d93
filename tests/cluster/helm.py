"""The Helm command line, for one release in one namespace."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.cluster.node_agent import commands
from tests.cluster.node_agent.api import Json
from tests.cluster.rules import CHART

WAIT_SECONDS = 55
"""Shorter than the time that a command may take (commands.COMMAND_TIMEOUT_SECONDS)."""


@dataclass(frozen=True, slots=True)
class Helm:
    """One `helm` program at one cluster."""

    program: str
    kubeconfig: Path

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """Run helm; raises CommandFailed with what it said."""
        words = (self.program, "--kubeconfig", str(self.kubeconfig), *arguments)
        return commands.run(*words, stdin=stdin)


@dataclass(frozen=True, slots=True)
class Release:
    """One release of the chart."""

    helm: Helm
    name: str
    namespace: str
    chart: Path = CHART

    def install(self, values: Json, *, wait: bool = True, seconds: int = WAIT_SECONDS) -> str:
        """`helm install`, waiting until the pods are ready unless told otherwise."""
        return self._apply("install", values, wait=wait, seconds=seconds)

    def upgrade(
        self, values: Json, *options: str, wait: bool = True, seconds: int = WAIT_SECONDS
    ) -> str:
        """`helm upgrade` to exactly these values."""
        return self._apply("upgrade", values, *options, wait=wait, seconds=seconds)

    def rollback(self, revision: int) -> str:
        options = ("--wait", "--timeout", f"{WAIT_SECONDS}s", "-n", self.namespace)
        return self.helm("rollback", self.name, str(revision), *options)

    def test(self) -> str:
        return self.helm("test", self.name, "-n", self.namespace, "--timeout", f"{WAIT_SECONDS}s")

    def uninstall(self) -> str:
        return self.helm("uninstall", self.name, "-n", self.namespace)

    def history(self) -> list[Json]:
        text = self.helm("history", self.name, "-n", self.namespace, "-o", "json")
        revisions: list[Json] = json.loads(text)
        return revisions

    def _apply(self, verb: str, values: Json, *options: str, wait: bool, seconds: int) -> str:
        words = [*options, "-n", self.namespace, "-f", "-"]
        if wait:
            words += ["--wait", "--timeout", f"{seconds}s"]
        document = yaml.safe_dump(values)
        return self.helm(verb, self.name, str(self.chart), *words, stdin=document)
