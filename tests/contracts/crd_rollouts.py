"""What the definition of a LongshoreModel says of versions: in its spec, and what the status
remembers.
"""

from __future__ import annotations

from tests.contracts.chart_schema import Schema


def validation_schema() -> Schema:
    ratio = {"type": "number", "minimum": 0}
    return {
        "type": "object",
        "description": "What a version has to show in a pod without traffic.",
        "properties": {
            "samplesFrom": {
                "type": "object",
                "required": ["name"],
                "description": "ConfigMap with inference requests and the outputs that are "
                "expected, as a list under the key samples.json.",
                "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 253}},
            },
            "tolerance": {
                **ratio,
                "description": "Of a number in an answer, relative and absolute (0.001).",
            },
            "minCapacityRatio": {
                **ratio,
                "description": "Rows a second, as a share of those of a pod that serves (0.7).",
            },
            "maxLatencySeconds": {
                "type": "number",
                "minimum": 0,
                "exclusiveMinimum": True,
                "description": "Of a sample, and in a step: a request that takes longer is bad.",
            },
        },
    }


def rollout_schema() -> Schema:
    seconds = {"type": "number", "minimum": 0}
    return {
        "type": "object",
        "description": "How a version comes into traffic.",
        "properties": {
            "steps": {
                "type": "array",
                "maxItems": 20,
                "items": {"type": "integer", "minimum": 1, "maximum": 90},
                "x-kubernetes-validations": [
                    {"rule": "self.isSorted()", "message": "steps have to rise"}
                ],
                "description": "Percent of the traffic, rising ([10, 30]); empty: no step.",
            },
            "bakeSeconds": {**seconds, "description": "Least time of a step (60)."},
            "toleratedBadRatio": {
                "type": "number",
                "minimum": 0.0001,
                "maximum": 0.5,
                "description": "Share of bad requests that is tolerable (0.01). A step needs 3 / it"
                " requests to the canary.",
            },
            "deadlineSeconds": {
                "type": "number",
                "minimum": 1,
                "description": "Of a stage or a step (3600).",
            },
            "onNoData": {
                "type": "string",
                "enum": ["Hold", "Abort"],
                "description": "When a step could not be judged by its deadline (Hold).",
            },
        },
    }


def life_schema() -> Schema:
    """What the status says of versions."""
    text, number = {"type": "string"}, {"type": "integer", "format": "int64"}
    open_object = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    texts = ("stage", "since", "deadline", "verdict", "reason", "message", "hash", "asks", "pods")
    numbers = ("step", "steps", "requests", "bad", "version")
    ended = {"version": number, "outcome": text, "reason": text, "at": text}
    return {
        "servedVersion": {**number, "description": "What stable serves."},
        "candidateVersion": {**number, "description": "What proves itself now."},
        "capacityPerPod": {
            "type": "number",
            "description": "Rows a second that a pod of stable computes, by its calibration, as it "
            "was last compared.",
        },
        "stable": {**open_object, "description": "What the pods of stable are made of."},
        "rollout": {
            "type": "object",
            "description": "How far the candidate is.",
            "properties": {
                **dict.fromkeys(texts, text),
                **dict.fromkeys(numbers, number),
                "isBegun": {"type": "boolean"},
                "isRouted": {"type": "boolean"},
                "share": {"type": "number"},
                "capacityPerPod": {"type": "number"},
                "evidence": {"type": "number"},
                "judging": open_object,
                "previous": open_object,
            },
        },
        "rejected": {
            "type": "object",
            "description": "What is not tried again until the spec changes.",
            "properties": {
                "hash": text,
                "asks": text,
                "pods": text,
                "version": number,
                "reason": text,
                "message": text,
            },
        },
        "history": {
            "type": "array",
            "maxItems": 5,
            "description": "The last rollouts, newest first.",
            "items": {"type": "object", "properties": ended},
        },
    }
