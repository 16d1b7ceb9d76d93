"""Helm, as the user has it: what a release was given, and what the chart makes of values."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from longshore.errors import SettingsError
from longshore_k8s.api import Json

_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Helm:
    """One program, asked about one namespace."""

    program: str
    namespace: str
    kubeconfig: str | None = None
    context: str | None = None

    def template(
        self, name: str, chart: str, *, files: Sequence[str] = (), values: Json | None = None
    ) -> list[Json]:
        """The objects that the chart makes of `files`, and of `values` over them.

        Raises:
            SettingsError: there is no Helm, no chart, or the chart refuses the values, in the
                chart's words.
        """
        if not (Path(chart) / "Chart.yaml").is_file() and not chart.endswith(".tgz"):
            raise SettingsError(f"--chart: {chart} is no chart; give the chart's folder or package")
        command = ["template", name, chart]
        for file in (*files, *(["-"] if values is not None else [])):
            command += ["--values", file]
        done = self._run(command, None if values is None else yaml.safe_dump(values))
        if done.returncode:
            raise SettingsError(f"the chart refuses these values (LS02): {done.stderr.strip()}")
        return [one for one in yaml.safe_load_all(done.stdout) if isinstance(one, dict)]

    def given_values(self, release: str) -> Json:
        """What was given when `release` was installed or last changed.

        Raises:
            SettingsError: there is no Helm, or it cannot say, in its words.
        """
        command = ["get", "values", release, "--output", "json"]
        if self.kubeconfig is not None:
            command += ["--kubeconfig", self.kubeconfig]
        if self.context is not None:
            command += ["--kube-context", self.context]
        done = self._run(command, None)
        if done.returncode:
            raise SettingsError(
                f"Helm does not say what {release} was given, so give its values by -f: "
                f"{done.stderr.strip()}"
            )
        return yaml.safe_load(done.stdout) or {}

    def _run(self, command: list[str], stdin: str | None) -> subprocess.CompletedProcess[str]:
        program = shutil.which(self.program)
        if program is None:
            raise SettingsError(
                f"Helm is needed to render the chart, and {self.program!r} is not there; --helm "
                "names the program"
            )
        return subprocess.run(
            [program, *command, "--namespace", self.namespace],
            input=stdin, capture_output=True, text=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
