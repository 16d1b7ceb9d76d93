"""The chart as Helm 4's own engine renders it."""

from __future__ import annotations

import json
import shutil
import tempfile
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
_accepted: set[str] = set()
"""Values that the schema has accepted, as JSON."""
_printed: dict[tuple[str, str], dict[str, str]] = {}
"""By release and values."""


@cache
def chart() -> helm_python.Chart:
    return helm_python.Chart.load(CHART)


@cache
def chart_without_schema() -> helm_python.Chart:
    """The rest of the chart. To hold values against the schema takes longer than to render them."""
    ignored = shutil.ignore_patterns("values.schema.json")
    with tempfile.TemporaryDirectory() as directory:
        copy = shutil.copytree(CHART, Path(directory) / "longshore", ignore=ignored)
        return helm_python.Chart.load(copy)


def render_text(values: Values, *, name: str = RELEASE) -> dict[str, str]:
    """What each template prints, by its name below `templates/`; the same values are held against
    the schema once, whatever the releases that they are rendered for.

    Raises:
        helm_python.HelmValuesError: the schema refuses the values.
        helm_python.HelmRenderError: a template does.
    """
    given = with_image(values)
    key = json.dumps(given, default=str)
    if (name, key) not in _printed:
        source = chart_without_schema() if key in _accepted else chart()
        printed = source.render(given, name=name, namespace=NAMESPACE)
        _accepted.add(key)
        _printed[name, key] = {
            path.split("templates/", 1)[1]: text for path, text in sorted(printed.items())
        }
    return dict(_printed[name, key])


def with_image(values: Values) -> Values:
    """With the repository of an image, which has to be named, unless `values` names one."""
    image = {"repository": "longshore", **(values.get("image") or {})}
    return {**values, "image": image}


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
