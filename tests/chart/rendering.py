"""The chart as Helm 4's own engine renders it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import yaml

CHART = Path(__file__).parents[2] / "chart"
CI_VALUES = tuple(sorted((CHART / "ci").glob("*-values.yaml")))
RELEASE, NAMESPACE = "release", "models"
FULLNAME = "release-longshore"
SELECTOR = {
    "app.kubernetes.io/name": "longshore",
    "app.kubernetes.io/instance": RELEASE,
    "app.kubernetes.io/component": "server",
}

Values = dict[str, Any]
Object = dict[str, Any]


@cache
def chart() -> helm_python.Chart:
    return helm_python.Chart.load(CHART)


def render_text(values: Values, *, name: str = RELEASE) -> dict[str, str]:
    """What each template prints, by its name below `templates/`.

    Raises:
        helm_python.HelmValuesError: the schema refuses the values.
        helm_python.HelmRenderError: a template does.
    """
    printed = chart().render(values, name=name, namespace=NAMESPACE)
    return {path.split("templates/", 1)[1]: text for path, text in sorted(printed.items())}


def documents(text: str) -> list[Object]:
    """The objects of a manifest, by libyaml, which takes an eighth of the time of PyYAML itself."""
    return [entry for entry in yaml.load_all(text, Loader=yaml.CSafeLoader) if entry]


def render(values: Values, *, name: str = RELEASE) -> list[Object]:
    """Every object of the release, with `model.existingClaim` set unless `values` has a `model`."""
    merged = {"model": {"existingClaim": "models"}, **values}
    texts = (text for path, text in render_text(merged, name=name).items() if path != "NOTES.txt")
    return [entry for text in texts for entry in documents(text)]


def only(kind: str, values: Values) -> Object:
    """The one object of that kind, the test pod left out."""
    (found,) = [o for o in render(values) if o["kind"] == kind and not is_hook(o)]
    return found


def kinds(values: Values) -> set[str]:
    return {entry["kind"] for entry in render(values) if not is_hook(entry)}


def is_hook(entry: Object) -> bool:
    return "helm.sh/hook" in (entry["metadata"].get("annotations") or {})


def pod_spec(values: Values) -> Object:
    spec: Object = only("Deployment", values)["spec"]["template"]["spec"]
    return spec


def server(values: Values) -> Object:
    """The container that serves."""
    (found,) = [c for c in pod_spec(values)["containers"] if c["name"] == "server"]
    return found


def server_config(values: Values) -> Values:
    """The settings that the server reads."""
    maps = [entry["data"] for entry in render(values) if entry["kind"] == "ConfigMap"]
    (text,) = [data["longshore.yaml"] for data in maps if "longshore.yaml" in data]
    settings: Values = yaml.safe_load(text)
    return settings


def ci_values(path: Path) -> Values:
    values: Values = yaml.safe_load(path.read_text(encoding="utf-8"))
    return values
