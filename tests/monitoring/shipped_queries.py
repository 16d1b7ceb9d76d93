"""Every query that the chart ships, as the adapter, KEDA, Prometheus and Grafana would send it.

Only the windows of rates are shortened, to `WINDOW_SECONDS`, far more than four scrapes.
"""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from tests.chart import rendering
from tests.chart.rendering import NAMESPACE
from tests.monitoring.prometheus import SCRAPE_SECONDS

WINDOW_SECONDS = 6.0
FILES = rendering.CHART / "files"
ADAPTER_VALUES = FILES / "prometheus-adapter-values.yaml"
POD_SUFFIX = "6c7d8f9b5-"

assert WINDOW_SECONDS >= 4 * SCRAPE_SECONDS


def pod_name(release: str, suffix: str) -> str:
    """As a Deployment's pods are called; `suffix` has five characters."""
    return f"{release}-longshore-{POD_SUFFIX}{suffix}"


def shortened(query: str) -> str:
    return re.sub(r"(\brate\([^()]*?\})\[\w+\]", rf"\1[{WINDOW_SECONDS:.0f}s]", query)


def adapter_query(metric: str, pods: list[str]) -> str:
    """What prometheus-adapter asks when an HPA reads `metric` of these pods."""
    return shortened(query_of_rules(ADAPTER_VALUES.read_text("utf-8"), metric, pods))


def query_of_rules(text: str, metric: str, pods: list[str]) -> str:
    """The same by the text of a file of rules, with the windows that it has."""
    values = yaml.safe_load(text)
    (rule,) = [rule for rule in values["rules"]["custom"] if rule["name"]["as"] == metric]
    series = re.match(r"\w+", rule["seriesQuery"])
    assert series is not None
    filled = {
        "<<.Series>>": series[0],
        "<<.LabelMatchers>>": f'namespace="{NAMESPACE}",pod=~"{"|".join(pods)}"',
        "<<.GroupBy>>": "pod",
    }
    query: str = rule["metricsQuery"]
    for name, value in filled.items():
        query = query.replace(name, value)
    return query


def discovery_query(metric: str) -> str:
    """The series that make prometheus-adapter list `metric`."""
    values = yaml.safe_load((FILES / "prometheus-adapter-values.yaml").read_text("utf-8"))
    (rule,) = [rule for rule in values["rules"]["custom"] if rule["name"]["as"] == metric]
    query: str = rule["seriesQuery"]
    return query


def keda_queries(release: str) -> dict[str, str]:
    """By the names under `autoscaling.metrics`."""
    targets = {"utilization": 1, "requestsPerSecond": 1, "concurrency": 1}
    keda = {"mode": "keda", "metrics": targets, "keda": {"serverAddress": "http://prometheus"}}
    values = {"model": {"existingClaim": "models"}, "autoscaling": keda}
    (scaled,) = [o for o in rendering.render(values, name=release) if o["kind"] == "ScaledObject"]
    triggers = scaled["spec"]["triggers"]
    return {t["name"]: shortened(t["metadata"]["query"]) for t in triggers}


def alert_groups(release: str, **values: Any) -> list[rendering.Object]:
    """The groups of the release's PrometheusRule, as they are shipped."""
    shown = {"metrics": {"prometheusRule": {"enabled": True}}, **values}
    rendered = rendering.render(shown, name=release)
    (rule,) = [entry for entry in rendered if entry["kind"] == "PrometheusRule"]
    groups: list[rendering.Object] = rule["spec"]["groups"]
    return groups


def alert_queries(release: str, **values: Any) -> dict[str, str]:
    """The expression of each alert, by its name and its metric or severity."""
    (group,) = alert_groups(release, **values)
    return {
        " ".join(
            [rule["alert"], rule["labels"].get("metric", rule["labels"]["severity"])]
        ): shortened(rule["expr"])
        for rule in group["rules"]
    }


def dashboard_queries(release: str) -> dict[str, str]:
    """By the panel's title and the legend."""
    dashboard = json.loads((FILES / "dashboard.json").read_text("utf-8"))
    filled = {
        "$__rate_interval": f"{WINDOW_SECONDS:.0f}s",
        "$namespace": NAMESPACE,
        "$release": f"{release}-longshore",
    }
    queries = {}
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            query = target["expr"]
            for name, value in filled.items():
                query = query.replace(name, value)
            queries[f"{panel['title']} {target['legendFormat']}".strip()] = query
    return queries
