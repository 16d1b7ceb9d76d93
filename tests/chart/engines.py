"""The chart with values from the command line (`--set`), under both majors of Helm.

Helm reads whole numbers in `--set` as numbers, and leaves fractions as texts.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import helm_python

from tests.chart import rendering
from tests.cluster.tools import helm3

KUBE_VERSION = "1.36.0"


class RefusedError(Exception):
    """What Helm says when it renders nothing."""


Engine = Callable[[rendering.Values, str], list[rendering.Object]]
"""Takes the values of a file and one `--set` expression; gives the release's objects.

Raises:
    RefusedError: the schema or a template refuses the values.
"""


def helm_4(values: rendering.Values, expression: str) -> list[rendering.Object]:
    given = helm_python.parse_set_string(expression) if expression else {}
    try:
        return rendering.render(merged({**values, "kubeVersion": KUBE_VERSION}, given))
    except (helm_python.HelmValuesError, helm_python.HelmRenderError) as error:
        raise RefusedError(str(error)) from error


def helm_3(values: rendering.Values, expression: str) -> list[rendering.Object]:
    shown = {"model": {"existingClaim": "models"}, **values, "kubeVersion": KUBE_VERSION}
    shown = rendering.with_image(shown)
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "values.yaml"
        file.write_text(json.dumps(shown), encoding="utf-8")  # Quotes every text.
        command = [
            str(helm3.find()), "template", rendering.RELEASE, str(rendering.CHART),
            "--namespace", rendering.NAMESPACE, "--kube-version", KUBE_VERSION,
            "--values", str(file), f"--set={expression}",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RefusedError(done.stderr)
    return rendering.documents(done.stdout)


def merged(values: rendering.Values, given: rendering.Values) -> rendering.Values:
    """`values` with what is given over them, block by block, as Helm does it."""
    both = dict(values)
    for key, value in given.items():
        below = both.get(key)
        is_block = isinstance(below, dict) and isinstance(value, dict)
        both[key] = merged(below, value) if is_block else value
    return both
