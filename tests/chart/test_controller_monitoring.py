"""What the controller's chart alerts on and shows: names that exist, alerts that fire in time."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from longshore_k8s.controller.metrics import ControllerMetrics
from longshore_k8s.controller.resource import Resource
from tests.chart.test_controller_chart import NAMESPACE, of_kind
from tests.contracts.document_tables import described_metrics

POD = "keeper-longshore-controller-6c7d8f9b5-abcde"
TARGET = {"namespace", "pod"}
MODEL = 'model_namespace="text",model="sentiment"'
SERIES = f'namespace="{NAMESPACE}",pod="{POD}"'
UP = {"series": f"longshore_controller_queue_length{{{SERIES}}}", "values": "0x200"}
DEADLINE = f"longshore_controller_rollout_deadline_timestamp_seconds{{{SERIES},{MODEL}}}"
STALLED = f"longshore_controller_model_stalled{{{SERIES},{MODEL}}}"
ABORTED = f'longshore_controller_rollouts_ended_total{{{SERIES},outcome="aborted"}}'


def promtool(*arguments: str, text: str | None = None) -> str:
    """Its output; fails the test when it reports a problem."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("needs promtool: apt-get install prometheus")
    done = subprocess.run(
        [program, *arguments], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def groups() -> list[dict[str, Any]]:
    (rule,) = of_kind("PrometheusRule", prometheusRule={"enabled": True, "labels": {"a": "b"}})
    assert rule["metadata"]["labels"]["a"] == "b"
    found: list[dict[str, Any]] = rule["spec"]["groups"]
    return found


def dashboard() -> dict[str, Any]:
    shown = {"enabled": True, "namespace": "monitoring", "annotations": {"folder": "Models"}}
    (found,) = of_kind("ConfigMap", dashboard=shown)
    assert found["metadata"]["namespace"] == "monitoring"
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["metadata"]["annotations"] == {"folder": "Models"}
    (text,) = found["data"].values()
    document: dict[str, Any] = json.loads(text)
    return document


def queries() -> list[str]:
    alerts = [rule["expr"] for group in groups() for rule in group["rules"]]
    panels = [t["expr"] for panel in dashboard()["panels"] for t in panel["targets"]]
    return [*alerts, *panels]


def test_nothing_of_it_is_made_unless_asked_for():
    assert of_kind("PrometheusRule") == []
    assert of_kind("ConfigMap") == []


def test_they_read_only_what_the_controller_exports():
    described = described_metrics(ControllerMetrics(CollectorRegistry()).registry)
    names = {name for name, _, _, _ in described}
    names |= {f"{n}_{part}" for n, kind, _, _ in described if kind == "histogram"
              for part in ("bucket", "sum", "count")}  # fmt: skip
    labels = set(re.findall(r"\w+", " ".join(labels for _, _, labels, _ in described)))
    for query in queries():
        read = set(re.findall(r"\blongshore_[a-z0-9_]+", query))
        used = set(re.findall(r'[{, ](\w+)(?:=~?|!=|!~)"', query))
        used |= {n for by in re.findall(r"\bby \(([\w, ]+)\)", query) for n in by.split(", ")}

        assert read, query
        assert read <= names, query
        assert used <= labels | TARGET | {"le"}, query


def test_every_metric_of_rollouts_is_shown():
    described = described_metrics(ControllerMetrics(CollectorRegistry()).registry)
    text = " ".join(queries())

    assert [name for name, _, _, _ in described if name not in text] == []


def test_every_series_is_the_releases_own():
    constants = {v["name"]: v["query"] for v in dashboard()["templating"]["list"]}
    assert (constants["namespace"], constants["release"]) == (NAMESPACE, POD.rsplit("-", 2)[0])
    for query in queries():
        written = query.replace("$namespace", NAMESPACE).replace("$release", constants["release"])

        assert written.count(f'namespace="{NAMESPACE}"') == written.count("{namespace") + (
            written.count("{ namespace")
        )
        for pattern in re.findall(r'pod=~"([^"]+)"', written):
            assert re.fullmatch(pattern, POD)


def test_panels_do_not_cover_each_other():
    places = [
        (x, y)
        for panel in dashboard()["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24


def test_promtool_finds_no_fault_in_the_rules_and_the_dashboards_queries(tmp_path: Path):
    rules = groups()
    shown = [q.replace("$__rate_interval", "5m").replace("$__range", "1h") for q in queries()]
    recorded = [{"record": f"query:{i}", "expr": query} for i, query in enumerate(shown)]
    asked = [{"name": "queries", "rules": recorded}]
    for name, written, lint in (("rules", rules, "all"), ("queries", asked, "none")):
        file = tmp_path / f"{name}.yaml"
        file.write_text(yaml.safe_dump({"groups": written}), encoding="utf-8")

        assert "SUCCESS" in promtool("check", "rules", f"--lint={lint}", "--lint-fatal", str(file))


def test_promtool_finds_no_fault_in_the_metrics():
    metrics = ControllerMetrics(CollectorRegistry())
    rollout = {"stage": "Step", "share": 10.0, "requests": 1, "bad": 0, "evidence": 1.0,
               "deadline": "2026-11-28T21:00:00Z"}  # fmt: skip
    conditions = [{"type": "Stalled", "status": "True"}]
    metadata = {"namespace": "text", "name": "sentiment"}
    status = {"rollout": rollout, "conditions": conditions}
    metrics.show(lambda: [Resource.read({"metadata": metadata, "status": status})])

    assert promtool("check", "metrics", text=generate_latest(metrics.registry).decode()) == ""


@pytest.mark.parametrize(
    ("series", "alert", "quiet", "firing"),
    [
        ([{"series": UP["series"], "values": "0x5 _x100"}], "LongshoreControllerDown", 10, 25),
        ([UP, {"series": STALLED, "values": "1x200"}], "LongshoreModelStalled", 5, 15),
        # The deadline is the hour: 3600 s after the epoch that promtool begins with.
        ([UP, {"series": DEADLINE, "values": "3600x200"}], "LongshoreRolloutOverdue", 59, 65),
        ([UP, {"series": ABORTED, "values": "0x20 1x200"}], "LongshoreRolloutAborted", 15, 25),
    ],
)
def test_an_alert_fires_when_it_should_and_not_before(
    series: list[dict[str, str]], alert: str, quiet: int, firing: int, tmp_path: Path
):
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump({"groups": groups()}), encoding="utf-8")
    named = {"model_namespace": "text", "model": "sentiment"} if MODEL in str(series) else {}
    labels = {"severity": "warning", "namespace": NAMESPACE, "release": POD.rsplit("-", 2)[0]}
    (written,) = [r for g in groups() for r in g["rules"] if r["alert"] == alert]
    annotations = {
        key: text.replace("{{ $labels.model_namespace }}", "text").replace(
            "{{ $labels.model }}", "sentiment"
        )
        for key, text in written["annotations"].items()
    }
    expected = {"exp_labels": {**labels, **named}, "exp_annotations": annotations}
    test = {
        "interval": "1m",
        "input_series": series,
        "alert_rule_test": [
            {"eval_time": f"{quiet}m", "alertname": alert, "exp_alerts": []},
            {"eval_time": f"{firing}m", "alertname": alert, "exp_alerts": [expected]},
        ],
    }
    file = tmp_path / "test.yaml"
    document = {"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": [test]}
    file.write_text(yaml.safe_dump(document), encoding="utf-8")

    assert "SUCCESS" in promtool("test", "rules", str(file))


def test_while_all_is_well_no_alert_fires(tmp_path: Path):
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump({"groups": groups()}), encoding="utf-8")
    later = {"series": DEADLINE, "values": "360000x200"}
    series = [UP, later, {"series": ABORTED, "values": "3x200"}]
    names = [rule["alert"] for group in groups() for rule in group["rules"]]
    quiet = [{"eval_time": "120m", "alertname": name, "exp_alerts": []} for name in names]
    document = {
        "rule_files": [str(rules)],
        "tests": [{"interval": "1m", "input_series": series, "alert_rule_test": quiet}],
    }
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")

    assert len(names) == 4
    assert "SUCCESS" in promtool("test", "rules", str(file))
