"""Parts that the chart's schema and the types in it are made of.

A value that Kubernetes wants as a text may be a number or a boolean here: templates/_values.tpl
makes a text of it.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
TEXT = ["string", "number", "boolean"]
TEXT_OR_NULL: Schema = {"type": [*TEXT, "null"]}
TEXTS: Schema = {"type": ["object", "null"], "additionalProperties": TEXT_OR_NULL}
PORT = {"minimum": 1, "maximum": 65535}
_PREFIX = r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?"
_KEY = rf"^{_PREFIX}[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?$"


def named_texts(**facts: Any) -> Schema:
    """A map of texts by names as those of labels and annotations."""
    value = {"type": [*TEXT, "null"], **facts}
    names = {"pattern": _KEY}
    return {"type": ["object", "null"], "propertyNames": names, "additionalProperties": value}


def block(properties: Schema, required: tuple[str, ...] = ()) -> Schema:
    """An object of these fields and no others; null is an empty one."""
    closed: Schema = {"type": ["object", "null"], "additionalProperties": False}
    closed["properties"] = properties
    return {**closed, "required": list(required)} if required else closed


def list_of(name: str) -> Schema:
    """A list, or null, of a definition."""
    return {"type": ["array", "null"], "items": reference(name)}


def reference(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}
