"""chart/files/value-types.json: what each value of the chart is, for templates/_values.tpl.

A type is `text` (with its `pattern`, where it has one), `list` and `map` (of what), `block` (of its
keys), or `is` (names under `types`, one of which applies). A type is left out where a template has
nothing to make of it. The chart's own maps and lists have the `default` that stands for null.
"""

from __future__ import annotations

import json
from typing import Any

from tests.contracts.chart_schema import Schema, name_of
from tests.contracts.chart_values import VALUES

TYPES = VALUES.parent / "files/value-types.json"
Type = dict[str, Any]


def value_types(schema: Schema, defaults: dict[str, Any]) -> str:
    """The text of the file for a schema and a values file."""
    definitions = schema["definitions"]
    types = {name: kind for name, entry in definitions.items() if (kind := _type(entry))}
    root = _own(schema, defaults)["block"]
    return '{"values": {\n' + _lines(root) + '\n},\n"types": {\n' + _lines(types) + "\n}}\n"


def _lines(entries: dict[str, Type]) -> str:
    return ",\n".join(f"{json.dumps(key)}: {json.dumps(entry)}" for key, entry in entries.items())


def _own(schema: Schema, default: Any) -> Type:
    """The type of a value of the chart's own, with its default."""
    kind = _type(schema)
    if isinstance(default, list):
        return {**kind, "default": []}
    if not isinstance(default, dict):
        return kind
    own = {
        key: entry
        for key, value in schema.get("properties", {}).items()
        if (entry := _own(value, default.get(key)))
    }
    if "properties" not in schema:
        return {**kind, "default": default}
    plain = {key: value for key, value in default.items() if not isinstance(value, dict | list)}
    return {**kind, **({"block": own} if own else {}), "default": plain}


def _type(schema: Schema) -> Type:
    if name := name_of(schema):
        return {"is": name}
    types = schema.get("type", ())
    if {"string", "boolean"} <= {*types}:
        return {"text": True} | {key: schema[key] for key in ("pattern",) if key in schema}
    found: Type = {}
    if "properties" in schema:
        found["block"] = _block(schema)
    for key, name in (("additionalProperties", "map"), ("items", "list")):
        if isinstance(entry := schema.get(key), dict) and (name == "map" or _type(entry)):
            found[name] = _type(entry)
    choices = [schema.get("then", {}), schema.get("else", {})]
    if names := [name for entry in choices if (name := name_of(entry))]:
        found["is"] = " ".join(names)
    return found


def _block(schema: Schema) -> dict[str, Type]:
    entries = schema.get("properties", {}).items()
    return {key: kind for key, entry in entries if (kind := _type(entry))}
