"""The chart as a dependency of another, under both majors of Helm."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import helm_python
import yaml

from tests.chart import rendering
from tests.chart.engines import RefusedError
from tests.cluster.tools import helm3

EXAMPLE = rendering.CHART / "ci/umbrella"

Umbrella = Callable[[Path, str, rendering.Values], list[rendering.Object]]
"""Takes a parent's directory, the release's name and values; gives the objects.

Raises:
    RefusedError: the schema or a template refuses the values.
"""


def assembled(directory: Path, chart_yaml: str | None = None) -> Path:
    """The example in `directory` with its dependency, or a parent of another Chart.yaml."""
    shutil.copytree(EXAMPLE, directory, dirs_exist_ok=True)
    shutil.copytree(rendering.CHART, directory / "charts/longshore")
    if chart_yaml is not None:
        (directory / "Chart.yaml").write_text(chart_yaml, encoding="utf-8")
        (directory / "values.yaml").unlink()
    return directory


def helm_4(parent: Path, release: str, values: rendering.Values) -> list[rendering.Object]:
    try:
        printed = helm_python.Chart.load(parent).render(
            values, name=release, namespace=rendering.NAMESPACE
        )
    except (helm_python.HelmValuesError, helm_python.HelmRenderError) as error:
        raise RefusedError(str(error)) from error
    texts = [text for path, text in printed.items() if not path.endswith("NOTES.txt")]
    return [entry for text in texts for entry in rendering.documents(text)]


def helm_3(parent: Path, release: str, values: rendering.Values) -> list[rendering.Object]:
    file = parent / "given.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    command = [str(helm3.find()), "template", release, str(parent), "--values", str(file)]
    command += ["--namespace", rendering.NAMESPACE, "--kube-version", "1.36.0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RefusedError(done.stderr)
    return rendering.documents(done.stdout)
