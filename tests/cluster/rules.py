"""The shipped adapter rules and scrape settings, with shorter clocks for the tests.

The rules are the chart's own files. Only the rate window is shortened, from what is shipped to
`SHORT_WINDOW`, which keeps at least four scrapes in it (field: W >= 4 S).
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import yaml

from tests.cluster.node_agent.api import Json

CHART = Path(__file__).resolve().parents[2] / "chart"
RULES_FILE = CHART / "files/prometheus-adapter-values.yaml"
TRIGGERS_FILE = "files/keda-triggers.yaml"
TRIGGERS_WINDOW = '[{{ include "longshore.window" . }}]'
SHORT_WINDOW = "10s"
META = "__meta_kubernetes_pod_"


def shipped_rules() -> Json:
    """The rules in the values for prometheus-adapter's chart, as the adapter itself reads them."""
    values: Json = yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))
    return {"rules": values["rules"]["custom"]}


def adapter_rules(directory: Path, *, window: str | None = SHORT_WINDOW) -> Path | None:
    """Write the shipped rules as a config file; `window` None leaves their windows alone."""
    if not RULES_FILE.exists():
        return None
    text = yaml.safe_dump(shipped_rules())
    if window is not None:
        text = shortened(text, window)
    path = directory / f"adapter-rules-{window}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def shortened_chart(directory: Path) -> Path:
    """A copy of the chart whose KEDA queries have the short window; the rest is as shipped."""
    copy = directory / "chart"
    if not copy.exists():
        shutil.copytree(CHART, copy)
        triggers = copy / TRIGGERS_FILE
        shipped = triggers.read_text(encoding="utf-8")
        short = shipped.replace(TRIGGERS_WINDOW, f"[{SHORT_WINDOW}]")
        if short == shipped:
            raise LookupError(f"{TRIGGERS_FILE} has no window {TRIGGERS_WINDOW} to shorten")
        triggers.write_text(short, encoding="utf-8")
    return copy


def shortened(text: str, window: str = SHORT_WINDOW) -> str:
    """Queries with another rate window."""
    return re.sub(r"\[\d+[smh]\]", f"[{window}]", text)


def shipped_window_seconds() -> float:
    """The longest rate window of the shipped rules."""
    text = RULES_FILE.read_text(encoding="utf-8")
    units = {"s": 1, "m": 60, "h": 3600}
    return max(float(n) * units[unit] for n, unit in re.findall(r"\[(\d+)([smh])\]", text))


def scrape_configs() -> list[Json]:
    """The usual job for pods with `prometheus.io/*` annotations."""
    address = {
        "source_labels": [f"{META}ip", f"{META}annotation_prometheus_io_port"],
        "separator": ":",
        "target_label": "__address__",
    }
    keep = {
        "source_labels": [f"{META}annotation_prometheus_io_scrape"],
        "action": "keep",
        "regex": "true",
    }
    named = [
        {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
        {"source_labels": [f"{META}name"], "target_label": "pod"},
    ]
    return [{"job_name": "pods", "relabel_configs": [keep, address, *named]}]
