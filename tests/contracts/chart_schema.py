"""The parts of chart/values.schema.json that follow from other files.

`config` takes what the server's table of settings takes. A key that has a default is required
unless null means something: Helm deletes a default where a user writes null, and a template would
read nothing. Null for a map or a list is an empty one. A number that may be a fraction is taken as
a text too: `--set` makes one of it; with `orNone`, the word `none` is taken. A text may be a number
or a boolean, which templates/_values.tpl makes a text of. Kubernetes' own types are definitions,
each on a line of its own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from longshore.cpu.quantity import TEXT_PATTERN, CpuQuantity
from longshore.settings.option import Option
from longshore.settings.table import option_table
from tests.contracts import kubernetes_types, number_patterns
from tests.contracts.chart_values import VALUES
from tests.contracts.schema_parts import TEXT, Schema

SCHEMA = VALUES.with_name("values.schema.json")
TEMPLATE_OF_BLOCKS = VALUES.with_name("templates") / "_blocks.tpl"
BLOCKS = {"deploymentSpec": "DeploymentSpec", "podSpec": "PodSpec", "containerSpec": "Container"}
"""Values that are blocks of Kubernetes' types."""
_TYPES = {int: "integer", float: "number", bool: "boolean", str: "string", tuple: "array"}


def renewed_schema(schema: Path = SCHEMA) -> str:
    """The schema file with its derived parts brought up to date."""
    document: Schema = json.loads(schema.read_text(encoding="utf-8"))
    defaults = yaml.safe_load(VALUES.read_text(encoding="utf-8"))
    document.pop("definitions", None)
    type_the_blocks(document["properties"])
    take_scalars_as_text(document)
    document["properties"]["config"] = config_schema()
    take_fractions_as_text(document)
    definitions = kubernetes_types.definitions(document)
    require_defaults(document, defaults, definitions)
    return _with_lines(json.dumps(document, indent=2), definitions)


def _with_lines(document: str, definitions: dict[str, Schema]) -> str:
    """The text of the schema with its definitions, one a line, at the end."""
    lines = [f"    {json.dumps(name)}: {json.dumps(entry)}" for name, entry in definitions.items()]
    head = document.removesuffix("\n}")
    return head + ',\n  "definitions": {\n' + ",\n".join(lines) + "\n  }\n}\n"


def type_the_blocks(properties: dict[str, Schema]) -> None:
    """Give the fields of the blocks that stand over the chart's the types of Kubernetes, but those
    that a template refuses by name, and those that are newer than its description.
    """
    for key, name in BLOCKS.items():
        known, refused = kubernetes_types.fields(name), kept_fields()[key]
        described = properties[key]["properties"]
        for field in described:
            described[field] = {} if field in refused else known.get(field, {})


def kept_fields() -> dict[str, dict[str, str]]:
    """The fields of each block that the chart keeps, and the value that sets each."""
    text = TEMPLATE_OF_BLOCKS.read_text(encoding="utf-8")
    _, _, rest = text.partition('define "longshore.keptFields" -}}')
    kept: dict[str, dict[str, str]] = yaml.safe_load(rest.partition("{{- end }}")[0])
    return kept


def config_schema() -> Schema:
    properties = {row.name: _setting(row) for row in option_table()}
    return {"type": ["object", "null"], "additionalProperties": False, "properties": properties}


def require_defaults(
    schema: Schema, defaults: dict[str, Any], definitions: dict[str, Schema]
) -> None:
    """Require, at every depth of the chart's own blocks, the keys that have a default, but maps and
    lists, for which null is the same as an empty one.
    """
    if "properties" not in schema:
        return
    properties = schema["properties"]
    known = {key: default for key, default in defaults.items() if key in properties}
    schema["required"] = []
    for key, default in known.items():
        entry = properties[key]
        if isinstance(default, dict | list) and "type" in entry:
            kind = "object" if isinstance(default, dict) else "array"
            entry["type"] = [kind, "null"]
        elif "null" not in definitions.get(name_of(entry), entry).get("type", ""):
            schema["required"].append(key)
        if isinstance(default, dict):
            require_defaults(entry, default, definitions)


def name_of(entry: Schema) -> str:
    """The definition that an entry refers to, or nothing."""
    return str(entry.get("$ref", "")).rpartition("/")[2]


def without_schema(schema: Schema, defaults: dict[str, Any], path: str = "") -> list[str]:
    """Paths of the values that have a default and no schema."""
    if "properties" not in schema:
        return []
    properties = schema["properties"]
    missing = [path + key for key in defaults if key not in properties]
    for key, default in defaults.items():
        if key in properties and isinstance(default, dict):
            missing += without_schema(properties[key], default, f"{path}{key}.")
    return missing


def take_scalars_as_text(schema: Schema) -> None:
    """Let every text without a form of its own be a number or a boolean too."""
    items = [schema["items"]] if "items" in schema else []
    for entry in [*schema.get("properties", {}).values(), *items]:
        take_scalars_as_text(entry)
        if entry.get("type") == "string" and "pattern" not in entry:
            entry["type"] = TEXT


def take_fractions_as_text(schema: Schema) -> None:
    """Let every number that may be a fraction be a text too, within the same bounds."""
    for entry in schema.get("properties", {}).values():
        take_fractions_as_text(entry)
        types = entry.get("type", "")
        if "number" in types and not {"integer", "boolean"} & {*types}:
            entry["type"] = ["number", "string", *(["null"] if "null" in types else [])]
            word = "^none$|" if entry.get("orNone") else ""
            entry["allOf"] = [{"pattern": word + pattern} for pattern in _patterns(entry)]


def _patterns(entry: Schema) -> list[str]:
    patterns = []
    for key, is_exclusive in (("minimum", False), ("exclusiveMinimum", True)):
        if key in entry:
            patterns.append(number_patterns.lower_bound(entry[key], is_exclusive=is_exclusive))
    for key, is_exclusive in (("maximum", False), ("exclusiveMaximum", True)):
        if key in entry:
            patterns.append(number_patterns.upper_bound(entry[key], is_exclusive=is_exclusive))
    return patterns or [number_patterns.ANY]


_CPUS: Schema = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "string", "pattern": TEXT_PATTERN},
    ]
}


def _setting(row: Option) -> Schema:
    if row.type is CpuQuantity:
        return _CPUS
    described: Schema = {"type": _TYPES[row.type]}
    if row.choices:
        described["enum"] = list(row.choices)
    if row.takes_switch:
        return {"enum": [*row.choices, True, False]}
    if row.minimum is not None:
        described["minimum"] = row.minimum
    if row.maximum is not None:
        described["maximum"] = row.maximum
    return described
