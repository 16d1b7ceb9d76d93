"""The queries of docs/troubleshooting are such as Prometheus takes, of metrics that there are."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tests.contracts.test_metric_names import SCRAPE_LABELS, exported
from tests.monitoring.prometheus import promtool

FOLDER = Path(__file__).parents[2] / "docs/troubleshooting"


def queries() -> list[str]:
    """One a line."""
    return [
        line
        for path in sorted(FOLDER.glob("*.md"))
        for block in re.findall(r"```promql\n(.*?)```", path.read_text("utf-8"), re.DOTALL)
        for line in block.splitlines()
    ]


def test_prometheus_takes_each_query(tmp_path: Path):
    rules = [{"record": f"query:{i}", "expr": query} for i, query in enumerate(queries())]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "documents", "rules": rules}]}))

    said = promtool("check", "rules", str(file))

    assert f"SUCCESS: {len(rules)} rules found" in said


def test_each_query_reads_metrics_and_labels_that_the_server_exports():
    names, labels = exported()
    for query in queries():
        read = set(re.findall(r"\blongshore_[a-z0-9_]+", query))
        used = set(re.findall(r"[{,](\w+)(?:=~?|!=|!~)", query))
        for grouping in re.findall(r"\bby \(([\w, ]+)\)", query):
            used |= set(re.split(r",\s*", grouping))

        assert read, query
        assert read <= names, query
        assert used <= labels | SCRAPE_LABELS, query
