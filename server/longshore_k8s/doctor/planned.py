"""A release that is still to be installed, as Helm would make it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import yaml

from longshore.errors import SettingsError
from longshore_k8s.api import Json
from longshore_k8s.doctor.release import COMPONENT, SERVER, Release, labels

_SECONDS = 60


def render(name: str, namespace: str, *, chart: str, values: list[str], helm: str) -> Release:
    """Raises:
    SettingsError: there is no Helm, or the chart refuses the values, in the chart's words.
    """
    program = shutil.which(helm)
    if program is None:
        raise SettingsError(f"--values: needs Helm to render the chart, and {helm!r} is not there")
    if not (Path(chart) / "Chart.yaml").is_file() and not chart.endswith(".tgz"):
        raise SettingsError(f"--chart: {chart} is no chart; give the chart's folder or package")
    command = [program, "template", name, chart, "--namespace", namespace]
    for file in values:
        command += ["--values", file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode:
        raise SettingsError(f"the chart refuses these values (LS02): {done.stderr.strip()}")
    return of_documents(name, namespace, done.stdout)


def of_documents(name: str, namespace: str, text: str) -> Release:
    """Raises:
    SettingsError: no Deployment of a server among them.
    """
    found: list[Json] = [one for one in yaml.safe_load_all(text) if isinstance(one, dict)]
    for one in found:
        if one.get("kind") == "Deployment" and labels(one).get(COMPONENT) == SERVER:
            return Release(name, namespace, one, objects=tuple(found))
    raise SettingsError("the chart renders no Deployment of a server")
