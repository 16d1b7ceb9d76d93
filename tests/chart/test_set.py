"""Values given by `--set` mean what they mean in a file, under both majors of Helm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from longshore.settings.reading import load_settings
from tests.chart import rendering
from tests.chart.engines import KUBE_VERSION, Engine, RefusedError, merged
from tests.chart.rendering import Object, Values

KEDA: Values = {"mode": "keda", "keda": {"serverAddress": "http://prometheus:9090"}}
RULES: Values = {"metrics": {"prometheusRule": {"enabled": True}}}


def numbers(schema: Values, path: tuple[str, ...] = ()) -> dict[str, Values]:
    """Every value that may be a fraction, by its path, and what the schema says of it."""
    found = {}
    for key, entry in schema.get("properties", {}).items():
        found |= numbers(entry, (*path, key))
        if "number" in (types := entry.get("type", ())) and not {"integer", "boolean"} & {*types}:
            found[".".join((*path, key))] = entry
    return found


NUMBERS = numbers(rendering.chart().schema or {})
DERIVED = ("config.drain_timeout_seconds",)
"""Refused wherever it is given: the chart derives it."""
SET = sorted(NUMBERS.keys() - set(DERIVED) - {"gpu.count"})


def nested(path: str, value: Any) -> Values:
    for key in reversed(path.split(".")):
        value = {key: value}
    return dict(value)


def taken_apart(objects: list[Object], directory: Path) -> tuple[list[Object], object]:
    """The objects without the server's settings and their checksum, and what the server reads of
    those settings: a text is a number to it.
    """
    file = directory / "longshore.yaml"
    for entry in objects:
        if entry["kind"] == "Deployment":
            del entry["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
        if entry["kind"] == "ConfigMap" and file.name in entry["data"]:
            file.write_text(entry["data"].pop(file.name), encoding="utf-8")
    in_order = sorted(objects, key=lambda entry: (entry["kind"], entry["metadata"]["name"]))
    return in_order, load_settings({}, {}, file)


@pytest.mark.parametrize(
    ("path", "mode"),
    [(path, "keda") for path in SET] + [(path, "hpa") for path in SET if "autoscaling" in path],
)
def test_a_fraction_means_the_same_as_in_a_file(
    engine: Engine, path: str, mode: str, tmp_path: Path
):
    other = {"autoscaling": {**KEDA, "mode": mode}, **RULES}
    in_a_file = engine(merged(other, nested(path, 0.75)), "")

    assert taken_apart(engine(other, f"{path}=0.75"), tmp_path) == taken_apart(in_a_file, tmp_path)


@pytest.mark.parametrize(
    "expression",
    ["replicas=3", "podDisruptionBudget.minAvailable=2", "gpu.count=1", "gpu.count=1.0",
     "preStopSeconds=7", "config.max_batch_size=16", "terminationGracePeriodSeconds=90",
     "autoscaling.metrics.requestsPerSecond=1500", "podSecurityContext.runAsUser=1000730000"],
)  # fmt: skip
def test_a_whole_number_means_the_same_as_in_a_file(engine: Engine, expression: str):
    other: Values = {"device": "gpu", "autoscaling": KEDA, "replicas": 2, **RULES}
    path, _, text = expression.partition("=")
    number = yaml.safe_load(text)

    assert engine(other, expression) == engine(merged(other, nested(path, number)), "")


@pytest.mark.parametrize(
    ("path", "taken", "refused"),
    [
        ("autoscaling.metrics.utilization", ["0.001", ".5", "1.25", "0010.0"],
         ["0.0", "0.0009", "-0.5", "half", "0.5x", "1.2.3", "."]),
        ("metrics.prometheusRule.objective", ["0.999", "0.0001", ".5"], ["1.0", "0.0", "-0.9"]),
        ("config.request_timeout_seconds", ["0.001", "3600.0", "3599.99", "99.5"],
         ["0.0009", "3600.5", "3600.01", "4000.0", "10000.5", "-1.5"]),
        ("longestBatchSeconds", ["0.0", "0.25"], ["-0.25"]),
        ("probes.startup.volumeMebibytesPerSecond", ["0.25"], ["0.00", "-1.5"]),
    ],
)  # fmt: skip
def test_a_fraction_keeps_to_its_bounds(
    engine: Engine, path: str, taken: list[str], refused: list[str]
):
    scaled = {"autoscaling": {"mode": "hpa"}, **RULES}
    for text in taken:
        assert engine(scaled, f"{path}={text}")
    for text in refused:
        with pytest.raises(RefusedError, match=path.rpartition(".")[2]):
            engine(scaled, f"{path}={text}")


def test_a_list_of_fractions_is_taken(engine: Engine, tmp_path: Path):
    path = "config.latency_buckets_seconds"
    in_a_file = engine(nested(path, [0.1, 0.5, 2]), "")

    assert taken_apart(engine({}, f"{path}={{0.1,0.5,2}}"), tmp_path) == taken_apart(
        in_a_file, tmp_path
    )


def test_half_a_gpu_is_refused_in_words(engine: Engine):
    with pytest.raises(RefusedError, match=r"gpu\.count: 0\.5: Kubernetes assigns whole devices"):
        engine({"device": "gpu"}, "gpu.count=0.5")


@pytest.mark.parametrize("values", rendering.CI_VALUES, ids=lambda path: path.stem)
def test_both_majors_render_the_examples_alike(engine: Engine, values: Path, tmp_path: Path):
    example = rendering.ci_values(values)
    shown = rendering.render({**example, "kubeVersion": KUBE_VERSION})

    assert taken_apart(engine(example, ""), tmp_path) == taken_apart(shown, tmp_path)
