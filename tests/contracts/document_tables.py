"""Documents that are made from the code (`make docs`): the README's tables of settings and metrics,
the chart's table of values, the derived parts of its schema, and the types of its values; the list
of decisions in server/ARCHITECTURE.md, from the headings of docs/decisions; and docs/doctor.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml
from prometheus_client import CollectorRegistry

from longshore.metrics import ServerMetrics
from longshore.settings.option import Option
from longshore.settings.table import option_table
from tests.contracts.chart_schema import SCHEMA, renewed_schema
from tests.contracts.chart_values import VALUES, described_values
from tests.contracts.doctor_pages import doctor_pages
from tests.contracts.value_types import TYPES, value_types

README = Path(__file__).parents[2] / "README.md"
CHART_README = README.parent / "chart/README.md"
ARCHITECTURE = README.parent / "server/ARCHITECTURE.md"
DECISIONS = README.parent / "docs/decisions"


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


def values_tables() -> str:
    """A table for each section of the chart's values."""
    parts: list[str] = []
    section = ""
    for value in described_values(VALUES.read_text(encoding="utf-8")):
        if value.section != section:
            section = value.section
            parts += [f"\n### {section}\n", "| value | default | what |", "|---|---|---|"]
        parts.append(f"| `{value.path}` | {value.default} | {value.text} |")
    return "\n".join(parts) + "\n"


def decisions_list() -> str:
    """A line for each decision, under the title of its document; the oldest document first."""
    documents = {path: decisions(path) for path in DECISIONS.glob("*.md")}
    parts: list[str] = []
    for path, found in sorted(documents.items(), key=lambda item: min(item[1], default=0)):
        if found:
            title = path.read_text(encoding="utf-8").partition("\n")[0]
            title = title.removeprefix("# Decisions: ")
            parts.append(f"\n### {title[0].upper()}{title[1:]}\n")
        parts += [
            f"- {number}. [{name}](../docs/decisions/{path.name}#{anchor(f'{number}. {name}')})"
            for number, name in found.items()
        ]
    return "\n".join(parts) + "\n"


def decisions(document: Path) -> dict[int, str]:
    """The headings of the decisions in `document` by their numbers."""
    text = document.read_text(encoding="utf-8")
    headings = re.findall(r"^## (\d+)\. (.+)$", text, re.MULTILINE)
    return {int(number): name for number, name in headings}


def anchor(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def with_tables(readme: str, tables: dict[str, str]) -> str:
    """`readme` with each table between its marks brought up to date."""
    for name, table in tables.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        pattern = re.compile(re.escape(begin) + r".*?" + re.escape(end), re.DOTALL)
        readme = pattern.sub(lambda _, t=table, b=begin, e=end: f"{b}\n{t}\n{e}", readme)
    return readme


def renewed() -> dict[Path, str]:
    """Every document that has a made part, as it should read."""
    tables = {"settings": settings_table(), "metrics": metrics_table()}
    schema = renewed_schema()
    defaults = yaml.safe_load(VALUES.read_text(encoding="utf-8"))
    return {
        README: with_tables(README.read_text(encoding="utf-8"), tables),
        CHART_README: with_tables(
            CHART_README.read_text(encoding="utf-8"), {"values": values_tables()}
        ),
        SCHEMA: schema,
        TYPES: value_types(json.loads(schema), defaults),
        ARCHITECTURE: with_tables(
            ARCHITECTURE.read_text(encoding="utf-8"), {"decisions": decisions_list()}
        ),
        **doctor_pages(),
    }


def _default(row: Option) -> str:
    if row.is_optional:
        return "measured or derived"
    return f"`{row.default}`" if row.default not in ("", ()) else ""


if __name__ == "__main__":
    for document, text in renewed().items():
        document.write_text(text, encoding="utf-8")
