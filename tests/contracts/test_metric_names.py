"""Whatever reads the server's metrics reads only what the server exports."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

import longshore
from longshore.autoscaling.signal import ScalingSignal
from longshore.cpu.available import AvailableCpus
from longshore.metrics import ServerMetrics
from tests.chart import rendering
from tests.contracts.document_tables import described_metrics

ADAPTER_NAMES = {
    rule["name"]["as"]
    for rule in yaml.safe_load(
        (rendering.CHART / "files/prometheus-adapter-values.yaml").read_text("utf-8")
    )["rules"]["custom"]
}
SCRAPE_LABELS = {"namespace", "pod"}
READERS = sorted(
    path
    for path in (rendering.CHART / "files").iterdir()
    if path.suffix in (".yaml", ".json") and path.name != "value-types.json"
) + sorted((rendering.CHART / "templates").glob("prometheusrule.yaml"))


DOCUMENTS = [
    path
    for folder in ("guides", "troubleshooting")
    for path in sorted((rendering.CHART.parent / "docs" / folder).glob("*.md"))
    if "longshore_" in path.read_text("utf-8")
]


def exported() -> tuple[set[str], set[str]]:
    """The names of all series, and of all labels, of a server."""
    metrics = ServerMetrics(CollectorRegistry())
    text = generate_latest(metrics.registry).decode()
    names = set(re.findall(r"^# TYPE (\w+) \w+", text, re.MULTILINE))
    histograms = set(re.findall(r"^# TYPE (\w+) histogram", text, re.MULTILINE))
    names |= {f"{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")}
    labels = ", ".join(labels for _, _, labels, _ in described_metrics(metrics.registry))
    return names, {"le", *re.findall(r"\w+", labels)}


@pytest.mark.parametrize("reader", [*READERS, *DOCUMENTS], ids=lambda path: path.name)
def test_it_reads_only_metrics_that_the_server_exports(reader: Path):
    read = set(re.findall(r"\blongshore_[a-z0-9_]+", reader.read_text("utf-8")))

    assert read - ADAPTER_NAMES - exported()[0] == set()
    assert read


@pytest.mark.parametrize("reader", READERS, ids=lambda path: path.name)
def test_it_asks_only_for_labels_that_exist(reader: Path):
    text = reader.read_text("utf-8")
    used = set(re.findall(r'[{,](\w+)(?:=~?|!=|!~)\\?"', text))
    for grouping in re.findall(r"\b(?:by|on|ignoring) \(([\w, ]+)\)", text):
        used |= set(re.split(r",\s*", grouping))

    assert used - exported()[1] - SCRAPE_LABELS == set()


def test_every_series_of_a_model_is_exported_before_its_first_request(metrics: ServerMetrics):
    metrics.create_model("m")
    metrics.create_version("m", "1")
    signal = ScalingSignal(metrics, "m", AvailableCpus(1.0))
    exported = generate_latest(metrics.registry).decode()
    of_a_model = [
        name for name, _, labels, _ in described_metrics(metrics.registry) if "`model`" in labels
    ]

    assert signal.inflight == 0
    assert [
        name for name in of_a_model if not re.search(rf"^{name}\w*{{", exported, re.MULTILINE)
    ] == []


def test_every_metric_is_written_somewhere(metrics: ServerMetrics):
    (server,) = longshore.__path__
    sources = "".join(
        path.read_text("utf-8") for path in Path(server).rglob("*.py") if path.name != "metrics.py"
    )
    declared = set(vars(metrics)) - {"registry"}

    assert {name for name in declared if not re.search(rf"metrics\.{name}\b", sources)} == set()
