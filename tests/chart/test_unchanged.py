"""What a release that has not changed keeps: its pods, its count, its autoscaler's place."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import helm_python
import pytest
import yaml

from tests.chart import rendering
from tests.chart.engines import Engine
from tests.chart.rendering import Object, Values
from tests.cluster.tools import helm3

PINNED = ("--set=model.existingClaim=models", "--set=image.repository=r,image.tag=1")


def template_of(objects: list[Object]) -> Object:
    (found,) = [o["spec"]["template"] for o in objects if o["kind"] == "Deployment"]
    return dict(found)


def rendered(chart: Path, major: str) -> list[Object]:
    if major == "helm 4":
        values: Values = {
            "model": {"existingClaim": "models"},
            "image": {"repository": "r", "tag": "1"},
        }
        printed = helm_python.Chart.load(chart).render(values, name="release").items()
        texts = [text for path, text in printed if not path.endswith("NOTES.txt")]
        return [entry for text in texts for entry in rendering.documents(text)]
    if helm3.find() is None:
        pytest.skip("needs Helm 3: `make cluster-tools`, or python -m tests.cluster.tools.helm3")
    command = [str(helm3.find()), "template", "release", str(chart), *PINNED]
    command += ["--kube-version", "1.36.0"]
    text = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout
    return rendering.documents(text)


@pytest.mark.parametrize("major", ["helm 4", "helm 3"])
def test_a_patch_of_the_chart_restarts_no_pod(major: str, tmp_path: Path):
    patched = tmp_path / "longshore"
    shutil.copytree(rendering.CHART, patched)
    facts = yaml.safe_load((patched / "Chart.yaml").read_text("utf-8"))
    facts = {**facts, "version": "9.9.9", "appVersion": "9.9.9"}
    (patched / "Chart.yaml").write_text(yaml.safe_dump(facts), encoding="utf-8")

    before, after = rendered(rendering.CHART, major), rendered(patched, major)
    assert before != after
    assert template_of(before) == template_of(after)


@pytest.mark.parametrize(
    ("values", "count"),
    [({}, None), ({"replicas": 0}, 0), ({"replicas": 3}, 3),
     ({"replicas": 3, "autoscaling": {"mode": "hpa"}}, None)],
)  # fmt: skip
def test_the_count_is_stated_only_where_it_is_given(
    engine: Engine, values: Values, count: int | None
):
    """Otherwise it is whoever scales that says it; the API server begins with one."""
    (spec,) = [o["spec"] for o in engine(values, "") if o["kind"] == "Deployment"]

    assert spec.get("replicas") == count


def test_kedas_webhook_is_told_that_the_autoscaler_may_be_taken_over(engine: Engine):
    (hpa,) = [
        entry
        for entry in engine({"autoscaling": {"mode": "hpa"}}, "")
        if entry["kind"] == "HorizontalPodAutoscaler"
    ]

    assert hpa["metadata"]["annotations"] == {"validations.keda.sh/hpa-ownership": "false"}
