"""Labels of the values beside the chart's own, under both majors of Helm."""

from __future__ import annotations

import pytest
import yaml

from tests.chart.engines import Engine, RefusedError
from tests.chart.rendering import Values

PART_OF = "app.kubernetes.io/part-of"
BLOCKS = ("podMonitor", "prometheusRule", "dashboard")


def nested(path: str, value: object) -> Values:
    for key in reversed(path.split(".")):
        value = {key: value}
    return yaml.safe_load(yaml.safe_dump(value))  # type: ignore[no-any-return]


def test_part_of_may_be_another_application(engine: Engine):
    objects = engine({"commonLabels": {PART_OF: "shop"}}, "")
    own = [entry for entry in objects if entry["kind"] != "Pod"]
    (deployment,) = [entry for entry in own if entry["kind"] == "Deployment"]

    assert {entry["metadata"]["labels"][PART_OF] for entry in own} == {"shop"}
    assert deployment["spec"]["template"]["metadata"]["labels"][PART_OF] == "shop"


def test_labels_of_one_kind_stand_over_those_of_every_object(engine: Engine):
    labels = {PART_OF: "monitoring", "team": "b"}
    metrics = {block: {"enabled": True, "labels": labels} for block in BLOCKS}
    objects = engine({"commonLabels": {PART_OF: "shop", "team": "a"}, "metrics": metrics}, "")
    found = [
        entry["metadata"]["labels"]
        for entry in objects
        if entry["kind"] in ("PodMonitor", "PrometheusRule")
        or entry["metadata"]["name"].endswith("-dashboard")
    ]

    assert len(found) == len(BLOCKS)
    assert all(entry.items() >= labels.items() for entry in found)


@pytest.mark.parametrize(
    "block", ["commonLabels", "podLabels", *(f"metrics.{block}.labels" for block in BLOCKS)]
)
@pytest.mark.parametrize(
    "label",
    ["app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component",
     "app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart"],
)  # fmt: skip
def test_a_label_of_a_selector_or_of_helm_is_refused(engine: Engine, block: str, label: str):
    with pytest.raises(RefusedError, match=rf"{block}: {label} is the chart's own label"):
        engine(nested(block, {label: "x"}), "")
