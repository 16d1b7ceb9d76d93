"""Documents that are made from the code (`make docs`): the tables of settings and metrics in docs,
the charts' tables of values, the derived parts of the chart's schema, and the types of its values;
the definition of the custom resource; the list of decisions in server/ARCHITECTURE.md, from the
headings of docs/decisions; and docs/doctor.
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
from longshore_k8s.controller.metrics import ControllerMetrics
from tests.contracts.chart_schema import SCHEMA, renewed_schema
from tests.contracts.chart_values import VALUES, described_values
from tests.contracts.crd import CRD, crd_text
from tests.contracts.doctor_pages import doctor_pages
from tests.contracts.value_types import TYPES, value_types

README = Path(__file__).parents[2] / "README.md"
DOCUMENTS = README.parent / "docs"
CHART_README = README.parent / "chart/README.md"
CONTROLLER_README = CHART_README.parent / "controller/README.md"
ARCHITECTURE = README.parent / "server/ARCHITECTURE.md"
DECISIONS = DOCUMENTS / "decisions"


def settings_table() -> str:
    rows = [
        f"| `{row.flag}` | `{row.environment_variable}` | {_default(row)} | {row.help} |"
        for row in option_table()
        if row.name != "model_path"
    ]
    return "\n".join(["| option | environment | default | what |", "|---|---|---|---|", *rows])


def metrics_table(declared: type[ServerMetrics] | type[ControllerMetrics]) -> str:
    registry = declared(CollectorRegistry()).registry
    rows = []
    for family in sorted(described_metrics(registry), key=lambda family: family[0]):
        name, kind, labels, help_text = family
        rows.append(f"| `{name}` | {kind} | {labels} | {help_text} |")
    return "\n".join(["| metric | type | labels | what |", "|---|---|---|---|", *rows])


def described_metrics(registry: CollectorRegistry) -> list[tuple[str, str, str, str]]:
    """(name, type, labels, help) of every metric that is declared."""
    described = []
    for collector in registry._collector_to_names:
        for family in collector.describe():
            suffix = "_total" if family.type == "counter" else ""
            labels = getattr(collector, "_labelnames", None) or getattr(collector, "_labels", ())
            text = ", ".join(f"`{label}`" for label in labels)
            described.append((family.name + suffix, family.type, text, family.documentation))
    return described


def values_tables(values: Path) -> str:
    """A table for each section of a chart's values."""
    parts: list[str] = []
    section = ""
    for value in described_values(values.read_text(encoding="utf-8")):
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
    tables = {
        DOCUMENTS / "settings.md": {"settings": settings_table()},
        DOCUMENTS / "metrics.md": {"metrics": metrics_table(ServerMetrics)},
        CHART_README: {"values": values_tables(VALUES)},
        CONTROLLER_README: {
            "values": values_tables(CONTROLLER_README.with_name("values.yaml")),
            "metrics": metrics_table(ControllerMetrics),
        },
        ARCHITECTURE: {"decisions": decisions_list()},
    }
    schema = renewed_schema()
    defaults = yaml.safe_load(VALUES.read_text(encoding="utf-8"))
    return {
        **{
            path: with_tables(path.read_text(encoding="utf-8"), made)
            for path, made in tables.items()
        },
        SCHEMA: schema,
        CRD: crd_text(),
        TYPES: value_types(json.loads(schema), defaults),
        **doctor_pages(),
    }


def _default(row: Option) -> str:
    if row.is_optional:
        return "measured or derived"
    return f"`{row.default}`" if row.default not in ("", ()) else ""


if __name__ == "__main__":
    for document, text in renewed().items():
        document.write_text(text, encoding="utf-8")
