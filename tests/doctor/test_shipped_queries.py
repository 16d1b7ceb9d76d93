from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from longshore_k8s.doctor.shipped_queries import SERIES, WINDOW_SECONDS, query

FILE = Path(__file__).parents[2] / "chart/files/prometheus-adapter-values.yaml"


def normal(text: str) -> str:
    """Without spaces, and the labels of each `by` once and sorted."""

    def labels(found: re.Match[str]) -> str:
        return f"by({','.join(sorted({one.strip() for one in found[1].split(',')}))})"

    return re.sub(r"\s", "", re.sub(r"by\s*\(([^)]*)\)", labels, text))


@pytest.mark.parametrize("metric", SERIES)
def test_a_query_is_the_one_of_the_rules_that_the_chart_ships(metric):
    rules = yaml.safe_load(FILE.read_text("utf-8"))["rules"]["custom"]
    (rule,) = [one for one in rules if one["name"]["as"] == metric]
    shipped = (
        rule["metricsQuery"]
        .replace("<<.Series>>", SERIES[metric][0])
        .replace("<<.LabelMatchers>>", 'namespace="prod",pod=~"a|b"')
        .replace("<<.GroupBy>>", "pod")
    )

    assert normal(query(metric, "prod", ["a", "b"]) or "") == normal(shipped)
    assert f"[{WINDOW_SECONDS / 60:g}m]" in shipped


def test_a_metric_of_somebody_else_has_no_query_here():
    assert query("tides", "prod", ["a"]) is None
