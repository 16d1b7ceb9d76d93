"""Kubernetes' own types as definitions of the chart's schema: those that the schema refers to, from
the API's description in `kubernetes_validate`, with the rules of the API server that it leaves out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

from tests.contracts import custom_types
from tests.contracts.schema_parts import PORT, TEXT, TEXT_OR_NULL, TEXTS, Schema, named_texts

VERSION = "v1.36.0-local-strict"
GROUPS = ("core.v1", "networking.v1", "autoscaling.v2", "apps.v1", "meta.v1", "resource", "intstr")
"""Where a name is looked for, in this order."""
_LABEL = r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"
_DNS_LABEL = {"pattern": r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"}
_QUANTITY = r"^[+-]?([0-9]+|[0-9]+\.[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
_DURATION = "^" + "".join(f"([0-9]+{u})?" for u in ("y", "w", "d", "h", "m", "s", "ms")) + "$"
_PROTOCOL = {"enum": ["TCP", "UDP", "SCTP", None]}
_SELECTS = ["In", "NotIn", "Exists", "DoesNotExist"]
_ID = {"minimum": 0, "maximum": 2147483647}


OWN: dict[str, Schema] = {
    **custom_types.TYPES,
    "Labels": named_texts(pattern=_LABEL),
    "Annotations": named_texts(),
    "Quantity": {"type": ["string", "number", "null"], "pattern": _QUANTITY},
    "Duration": {"type": "string", "pattern": _DURATION},
    "IntOrString": {"type": ["string", "integer", "null"]},
    "AnyObject": {
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {
                "type": ["object", "null"],
                "properties": {"name": TEXT_OR_NULL, "labels": TEXTS, "annotations": TEXTS},
            },
        },
        "required": ["apiVersion", "kind"],
    },
}
"""Types that Kubernetes does not describe, or describes in another way than a schema needs them."""

RULES: dict[str, dict[str, Schema]] = {
    "Toleration": {
        "operator": {"enum": ["Exists", "Equal", "Lt", "Gt", None]},
        "effect": {"enum": ["NoSchedule", "PreferNoSchedule", "NoExecute", "", None]},
        "value": {"pattern": _LABEL},
    },
    "TopologySpreadConstraint": {
        "maxSkew": {"minimum": 1},
        "minDomains": {"minimum": 1},
        "whenUnsatisfiable": {"enum": ["DoNotSchedule", "ScheduleAnyway"]},
        "nodeAffinityPolicy": {"enum": ["Honor", "Ignore", None]},
        "nodeTaintsPolicy": {"enum": ["Honor", "Ignore", None]},
    },
    "NodeSelectorRequirement": {"operator": {"enum": [*_SELECTS, "Gt", "Lt"]}},
    "LabelSelectorRequirement": {"operator": {"enum": _SELECTS}},
    "PreferredSchedulingTerm": {"weight": {"minimum": 1, "maximum": 100}},
    "WeightedPodAffinityTerm": {"weight": {"minimum": 1, "maximum": 100}},
    "PodAffinityTerm": {"topologyKey": {"minLength": 1}},
    "EnvVar": {"name": {"pattern": r"^[ -<>-~]+$"}},
    "Container": {
        "name": _DNS_LABEL,
        "imagePullPolicy": {"enum": ["Always", "IfNotPresent", "Never", None]},
        "terminationMessagePolicy": {"enum": ["File", "FallbackToLogsOnError", None]},
        "restartPolicy": {"enum": ["Always", "OnFailure", "Never", None]},
    },
    "ContainerPort": {"protocol": _PROTOCOL, "containerPort": PORT},
    "Volume": {"name": _DNS_LABEL},
    "PodSpec": {
        "dnsPolicy": {"enum": ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None", None]},
        "preemptionPolicy": {"enum": ["Never", "PreemptLowerPriority", None]},
        "hostname": _DNS_LABEL,
        "subdomain": _DNS_LABEL,
    },
    "PodOS": {"name": {"enum": ["linux", "windows"]}},
    "VolumeMount": {"mountPath": {"pattern": "^[^:]+$"}},
    "SeccompProfile": {"type": {"enum": ["RuntimeDefault", "Localhost", "Unconfined"]}},
    "DeploymentStrategy": {"type": {"enum": ["RollingUpdate", "Recreate", None]}},
    "PodSecurityContext": {
        **dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"), _ID),
        "fsGroupChangePolicy": {"enum": ["OnRootMismatch", "Always", None]},
    },
    "SecurityContext": dict.fromkeys(("runAsUser", "runAsGroup"), _ID),
    "NetworkPolicyPort": {"protocol": _PROTOCOL, "endPort": PORT},
    "MetricSpec": {
        "type": {"enum": ["ContainerResource", "External", "Object", "Pods", "Resource"]}
    },
    "MetricTarget": {
        "type": {"enum": ["Utilization", "Value", "AverageValue"]},
        "averageUtilization": {"minimum": 1},
    },
    "HPAScalingPolicy": {
        "type": {"enum": ["Pods", "Percent"]},
        "value": {"minimum": 1},
        "periodSeconds": {"minimum": 1, "maximum": 1800},
    },
    "HPAScalingRules": {
        "selectPolicy": {"enum": ["Max", "Min", "Disabled", None]},
        "stabilizationWindowSeconds": {"minimum": 0, "maximum": 3600},
    },
}
"""What the API server asks of a field beyond its type, by the type and the field."""

REQUIRED = {
    "Container": ("image",),
    **dict.fromkeys(
        ("ConfigMapKeySelector", "SecretKeySelector", "ConfigMapEnvSource", "SecretEnvSource",
         "LocalObjectReference"), ("name",)),
}  # fmt: skip
"""Fields that the API server misses, though the description has them as optional."""


def definitions(schema: Schema) -> dict[str, Schema]:
    """Every type that `schema` refers to, and those that they refer to in turn, by name."""
    found: dict[str, Schema] = {}
    missing = sorted(set(references(schema)))
    while missing:
        name = missing.pop()
        found[name] = _definition(name)
        missing += [other for other in set(references(found[name])) if other not in found]
    return dict(sorted(found.items()))


def fields(name: str) -> dict[str, Schema]:
    """The fields of a type of Kubernetes, with the rules of the API server."""
    described: dict[str, Schema] = _from_the_api(name)["properties"]
    return described


def references(schema: Any) -> Iterator[str]:
    """The names of the definitions that are referred to, at every depth."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for value in schema.values():
            yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)


def _definition(name: str) -> Schema:
    if name in OWN:
        return OWN[name]
    if name == "VolumeSource":
        return _without_name(_definition("Volume"))
    if name.startswith("Optional"):
        return _with_none(_definition(name.removeprefix("Optional")))
    return _from_the_api(name)


def _from_the_api(name: str) -> Schema:
    places = (f".{group}.{name}" for group in GROUPS)
    described = next(
        found for place in places for key, found in _described().items() if key.endswith(place)
    )
    found = _relaxed(described)
    for field, rule in RULES.get(name, {}).items():
        entry = found["properties"][field]
        found["properties"][field] = rule if "enum" in rule else {**entry, **rule}
    if name == "LabelSelector":
        found["properties"]["matchLabels"] = {"$ref": "#/definitions/Labels"}
    required = {*found.get("required", ()), *REQUIRED.get(name, ())}
    return {**found, "required": sorted(required)} if required else found


@cache
def _described() -> dict[str, Schema]:
    folder = resources.files("kubernetes_validate") / "kubernetes-json-schema" / VERSION
    text = (folder / "_definitions.json").read_text(encoding="utf-8")
    found: dict[str, Schema] = json.loads(text)["$defs"]
    return found


def _relaxed(described: Schema) -> Schema:
    """A description without prose and marks, with short names, and texts that may be numbers."""
    if "$ref" in described:
        return {"$ref": f"#/definitions/{described['$ref'].rpartition('.')[2]}"}
    found: Schema = {}
    for key, value in described.items():
        if key == "properties":
            found[key] = {name: _relaxed(entry) for name, entry in sorted(value.items())}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            found[key] = _relaxed(value)
        elif key in ("additionalProperties", "type", "required"):
            found[key] = value
    types = found.get("type", ())
    if "string" in types and "format" not in described:
        found["type"] = [*TEXT, "null"] if "null" in types else TEXT
    return found


def _without_name(volume: Schema) -> Schema:
    properties = {key: value for key, value in volume["properties"].items() if key != "name"}
    return {**volume, "properties": properties, "required": [], "maxProperties": 1}


def _with_none(described: Schema) -> Schema:
    """A block whose fields, or those of its blocks of quantities, may be the word `none`."""
    properties = {key: _optional(value) for key, value in described["properties"].items()}
    return {**described, "properties": properties}


def _optional(field: Schema) -> Schema:
    if field.get("additionalProperties") == {"$ref": "#/definitions/Quantity"}:
        return {**field, "additionalProperties": _optional(OWN["Quantity"])}
    if "$ref" in field:
        return {"if": {"type": "string"}, "then": {"const": "none"}, "else": field}
    if "enum" in field:
        return {"enum": [*field["enum"], "none"]}
    if "boolean" in field["type"] and "string" not in field["type"]:
        return {"enum": [True, False, None, "none"]}
    if "integer" in field["type"]:
        return {**field, "type": ["integer", "string", "null"], "pattern": "^none$"}
    if "pattern" in field:
        return {**field, "pattern": f"^none$|{field['pattern']}"}
    return field
