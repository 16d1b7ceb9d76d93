"""Prometheus' own linter finds no fault in the rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.chart import rendering
from tests.monitoring import shipped_queries
from tests.monitoring.prometheus import promtool


@pytest.mark.parametrize("values", rendering.CI_VALUES, ids=lambda path: path.stem)
def test_the_rules_of_every_example_are_valid(values: Path, tmp_path: Path):
    shown = rendering.ci_values(values)
    shown["metrics"] = {**shown.get("metrics", {}), "prometheusRule": {"enabled": True}}
    model = shown.pop("model")
    file = tmp_path / "rules.yaml"
    groups = shipped_queries.alert_groups("release", **shown, model=model)
    file.write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")

    said = promtool("check", "rules", "--lint=all", "--lint-fatal", str(file))

    assert "SUCCESS" in said


def test_queries_with_further_matchers_are_valid(tmp_path: Path):
    """KEDA's, the alerts' and the dashboard's, with a matcher of characters that need an escape."""
    targets = {"utilization": 1, "requestsPerSecond": 1, "concurrency": 1, "latencyP95": 1}
    keda = {"mode": "keda", "metrics": targets, "keda": {"serverAddress": "http://prometheus"}}
    metrics = {
        "matchers": {"cluster": 'eu-1 "<a>" \\d'},
        "prometheusRule": {"enabled": True},
        "dashboard": {"enabled": True},
        "podMonitor": {"enabled": True, "interval": "1m30s"},
    }
    objects = rendering.render({"autoscaling": keda, "metrics": metrics, "device": "gpu"})
    (scaled,) = [entry for entry in objects if entry["kind"] == "ScaledObject"]
    (rule,) = [entry for entry in objects if entry["kind"] == "PrometheusRule"]
    (shown,) = [entry for entry in objects if entry["metadata"]["name"].endswith("-dashboard")]
    (dashboard,) = shown["data"].values()
    targets = [t for panel in json.loads(dashboard)["panels"] for t in panel["targets"]]
    queries = [trigger["metadata"]["query"] for trigger in scaled["spec"]["triggers"]]
    queries += [target["expr"].replace("$__rate_interval", "1m") for target in targets]
    (group,) = rule["spec"]["groups"]
    recorded = [{"record": f"query:{i}", "expr": query} for i, query in enumerate(queries)]
    group["rules"] += recorded
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [group]}), encoding="utf-8")

    assert len(recorded) > 20
    assert all("cluster=" in entry["expr"] for entry in recorded)
    assert "SUCCESS" in promtool("check", "rules", "--lint=none", str(file))
