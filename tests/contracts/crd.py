"""The definition of the custom resource LongshoreModel, made from the chart's schema (`make docs`).

A definition takes a part of JSON Schema alone ("structural schemas"): one type for each value, no
references, and nothing that depends on another value. What it cannot say is left open, and refused
by the chart when it is rendered. Blocks of Kubernetes are open as a whole, but those with volumes,
which are listed one by one without `hostPath`.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from longshore_k8s.controller.resource import GROUP, KIND, PLURAL, VERSION
from tests.contracts.chart_schema import SCHEMA, Schema, name_of
from tests.contracts.chart_values import VALUES, described_values
from tests.contracts.crd_rollouts import life_schema, rollout_schema, validation_schema

CRD = SCHEMA.parent / "controller/files" / f"{PLURAL}.{GROUP}.yaml"
NOT_IN_A_RESOURCE = frozenset({"extraObjects", "nameOverride", "fullnameOverride", "test"})
"""Values of the chart that a resource does not have: it could hold other kinds of objects, take the
names of other resources' objects, or, as the test of a release, has no use.
"""
OPEN: Schema = {"x-kubernetes-preserve-unknown-fields": True, "nullable": True}
_KEPT = (
    "description", "enum", "pattern", "minLength", "maxLength", "minItems", "maxItems",
    "maxProperties", "minimum", "maximum",
)  # fmt: skip
_TEXT = frozenset({"string", "number", "boolean"})
LONGEST_NAME = 39
"""Characters: with `-canary` behind it, the name of a release is one of which the chart makes names
of objects that it need not shorten.
"""


def crd_text() -> str:
    """The whole definition, as it stands in the controller's chart."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    text = yaml.dump(_definition(values_schema(schema)), Dumper=_Dumper, sort_keys=False, width=120)
    return f"# Made from chart/values.schema.json by `make docs`.\n{text}"


def values_schema(schema: Schema) -> Schema:
    """The structural schema of `spec.values`: the chart's values, without their defaults."""
    defaults = yaml.safe_load(VALUES.read_text(encoding="utf-8"))
    known = {
        key: entry
        for key, entry in schema["properties"].items()
        if key in defaults and key not in NOT_IN_A_RESOURCE
    }
    converted = structural({**schema, "properties": known}, schema["definitions"])
    for value in described_values(VALUES.read_text(encoding="utf-8")):
        if found := _at(converted, value.path.split(".")):
            found["description"] = value.text
    del converted["nullable"]
    return converted


def structural(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """What a definition can say of `schema`."""
    if reference := name_of(schema):
        return _block(definitions[reference])
    types = set(_types(schema))
    is_nullable = "null" in types or None in schema.get("enum", ())
    types -= {"null"}
    if len(types) != 1:
        kept: Schema = (
            {"x-kubernetes-int-or-string": True} if types == {"integer", "string"} else {}
        )
        return {**(kept or {"x-kubernetes-preserve-unknown-fields": True}), "nullable": True}
    (kind,) = types
    converted = {"type": kind, **{key: schema[key] for key in _KEPT if key in schema}}
    if is_nullable or kind in ("object", "array"):
        converted["nullable"] = True
    converted |= _bounds(schema)
    if kind == "object":
        converted |= _members(schema, definitions)
    if kind == "array":
        converted["items"] = structural(schema.get("items", {}), definitions)
    return converted


def _types(schema: Schema) -> list[str]:
    if "type" in schema:
        return [schema["type"]] if isinstance(schema["type"], str) else list(schema["type"])
    if {type(choice) for choice in schema.get("enum", ())} <= {
        str,
        type(None),
    } and "enum" in schema:
        return ["string"]
    return []


def _bounds(schema: Schema) -> Schema:
    """Bounds that are not reached themselves, in the form of OpenAPI 3.0."""
    found: Schema = {}
    for bound in ("minimum", "maximum"):
        exclusive = f"exclusive{bound.capitalize()}"
        if exclusive in schema:
            found |= {bound: schema[exclusive], exclusive: True}
    return found


def _members(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """An empty schema stands for a key that the chart refuses with a remedy: it is left out."""
    properties = {
        key: structural(entry, definitions)
        for key, entry in schema.get("properties", {}).items()
        if entry
    }
    if properties:
        return {"properties": properties}
    more = schema.get("additionalProperties", True)
    if isinstance(more, dict) and more:
        return {"additionalProperties": structural(more, definitions)}
    return {"x-kubernetes-preserve-unknown-fields": True}


def _block(definition: Schema) -> Schema:
    """A block of Kubernetes: open, but for the sources of a volume."""
    properties = definition.get("properties", {})
    if "hostPath" not in properties:
        return dict(OPEN)
    sources = {key: dict(OPEN) for key in properties if key != "hostPath"}
    return {"type": "object", "nullable": True, "properties": sources}


def _at(schema: Schema, names: list[str]) -> Schema | None:
    for name in names:
        schema = schema.get("properties", {}).get(name, {})
    return schema or None


def _definition(values: Schema) -> dict[str, Any]:
    name = {"kind": KIND, "plural": PLURAL, "singular": KIND.lower(), "listKind": f"{KIND}List"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {**name, "shortNames": ["lsm"], "categories": ["longshore"]},
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": _columns(),
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.values.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "schema": {"openAPIV3Schema": _resource(values)},
                }
            ],
        },
    }


def _columns() -> list[dict[str, Any]]:
    ready = '.status.conditions[?(@.type=="Ready")].status'
    rows = [
        ("Ready", "string", ready, 0),
        ("Version", "integer", ".status.servedVersion", 0),
        ("Candidate", "integer", ".status.candidateVersion", 0),
        ("Share", "number", ".status.rollout.share", 0),
        ("Replicas", "integer", ".status.replicas", 0),
        ("Reason", "string", ".status.reason", 0),
        ("Age", "date", ".metadata.creationTimestamp", 0),
        ("Capacity", "number", ".status.capacityPerPod", 1),
        ("URL", "string", ".status.url", 1),
        ("Message", "string", ".status.message", 1),
    ]
    return [
        {"name": name, "type": kind, "jsonPath": path, **({"priority": 1} if priority else {})}
        for name, kind, path, priority in rows
    ]


def _resource(values: Schema) -> Schema:
    scaling = values["properties"]["autoscaling"]
    scaling["x-kubernetes-validations"] = [
        {
            "rule": "!has(self.minReplicas) || !has(self.maxReplicas)"
            " || self.minReplicas <= self.maxReplicas",
            "message": "minReplicas is more than maxReplicas",
        }
    ]
    return {
        "type": "object",
        "description": "One machine-learning model from a volume, served over HTTP.",
        "required": ["spec"],
        "x-kubernetes-validations": [
            {
                "rule": f"size(self.metadata.name) <= {LONGEST_NAME}",
                "message": f"a name has at most {LONGEST_NAME} characters",
            },
            {
                "rule": "!self.metadata.name.endsWith('-canary')",
                "message": "names that end in -canary are kept for candidates",
            },
        ],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": _spec(values),
            "status": _status(),
        },
    }


def _spec(values: Schema) -> Schema:
    values["description"] = (
        "Values of the Longshore chart, as far as they differ from its defaults."
    )
    return {
        "type": "object",
        "x-kubernetes-validations": [
            {"rule": "!has(self.digest) || has(self.version)", "message": "digest needs version"},
            {
                "rule": "!has(self.version) || !has(self.values) || !has(self.values.model)"
                " || !has(self.values.model.version)",
                "message": "version and values.model.version: give one of them",
            },
        ],
        "properties": {
            "values": values,
            "version": {
                "type": "integer",
                "format": "int64",
                "minimum": 1,
                "maximum": 10**18,
                "description": "Version to serve. Another one, and whatever else changes the pods, "
                "proves itself first, as rollout and validation say.",
            },
            "digest": {
                "type": "string",
                "pattern": "^[0-9a-f]{64}$",
                "description": "SHA-256 of the version's manifest.json, in hexadecimal.",
            },
            "validation": validation_schema(),
            "rollout": rollout_schema(),
            "paused": {
                "type": "boolean",
                "description": "Write nothing but the status, which says what would be written. "
                "A candidate keeps its share of the traffic, and is not taken back.",
            },
            "adoptRelease": {
                "type": "boolean",
                "description": "Take over the objects of the Helm release of the same name.",
            },
        },
    }


def _status() -> Schema:
    text, number = {"type": "string"}, {"type": "integer", "format": "int64"}
    condition = {
        "type": "object",
        "required": ["type", "status", "reason", "message", "lastTransitionTime"],
        "properties": {
            "type": text,
            "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
            "reason": text,
            "message": text,
            "observedGeneration": number,
            "lastTransitionTime": {"type": "string", "format": "date-time"},
        },
    }
    entry = {
        "type": "object",
        "required": ["kind", "name", "digest", "fields"],
        "properties": {"kind": text, "name": text, "digest": text, "fields": text},
    }
    described = {
        "reason": (
            text,
            "One word: what keeps the model from being as its spec says, else how it is.",
        ),
        "message": (text, "The same in a sentence."),
        "url": (text, "Where clients in the cluster reach the model."),
        "replicas": (number, "Pods that there are."),
        "selector": (text, "Labels of the pods, for whoever scales the resource."),
        "chartVersion": (text, "Version of the chart that was applied."),
        "renderedFrom": (text, "A digest of all that the inventory follows from."),
        "observedGeneration": (number, "Generation of the spec that the rest is about."),
    }
    return {
        "type": "object",
        "properties": {
            "conditions": {
                "type": "array",
                "items": condition,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
            **{key: {**kind, "description": words} for key, (kind, words) in described.items()},
            **life_schema(),
            "inventory": {
                "type": "array",
                "description": "The objects that were applied, with digests that show changes.",
                "items": entry,
            },
        },
    }


class _Dumper(yaml.SafeDumper):
    """Without anchors: the same block is written out where it stands."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


if __name__ == "__main__":
    Path(CRD).write_text(crd_text(), encoding="utf-8")
