"""The README's tables of settings and metrics, made from the code (`make docs`)."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from longshore.metrics import ServerMetrics
from longshore.option import Option
from longshore.settings import option_table

README = Path(__file__).parents[2] / "README.md"


def settings_table() -> str:
    rows = [
        f"| `{row.flag}` | `{row.environment_variable}` | {_default(row)} | {row.help} |"
        for row in option_table()
        if row.name != "model_path"
    ]
    return "\n".join(["| option | environment | default | what |", "|---|---|---|---|", *rows])


def metrics_table() -> str:
    metrics = ServerMetrics(CollectorRegistry())
    rows = []
    for family in sorted(described_metrics(metrics), key=lambda family: family[0]):
        name, kind, labels, help_text = family
        rows.append(f"| `{name}` | {kind} | {labels} | {help_text} |")
    return "\n".join(["| metric | type | labels | what |", "|---|---|---|---|", *rows])


def described_metrics(metrics: ServerMetrics) -> list[tuple[str, str, str, str]]:
    """(name, type, labels, help) of every metric that the server declares."""
    described = []
    for collector in metrics.registry._collector_to_names:
        for family in collector.describe():
            suffix = "_total" if family.type == "counter" else ""
            labels = getattr(collector, "_labelnames", None) or getattr(collector, "_labels", ())
            text = ", ".join(f"`{label}`" for label in labels)
            described.append((family.name + suffix, family.type, text, family.documentation))
    return described


def with_tables(readme: str) -> str:
    """`readme` with both tables between their marks brought up to date."""
    for name, table in (("settings", settings_table()), ("metrics", metrics_table())):
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        pattern = re.compile(re.escape(begin) + r".*?" + re.escape(end), re.DOTALL)
        readme = pattern.sub(lambda _, t=table, b=begin, e=end: f"{b}\n{t}\n{e}", readme)
    return readme


def _default(row: Option) -> str:
    if row.is_optional:
        return "measured or derived"
    return f"`{row.default}`" if row.default not in ("", ()) else ""


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
