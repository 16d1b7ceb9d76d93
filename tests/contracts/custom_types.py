"""Types of kinds that Kubernetes itself does not have, as far as the chart's values take them: of
the Prometheus operator, of KEDA and of the Gateway API.

The definitions of those kinds hold them right in the cluster tests.
"""

from __future__ import annotations

from tests.contracts.schema_parts import (
    PORT,
    TEXT,
    TEXT_OR_NULL,
    TEXTS,
    Schema,
    block,
    list_of,
    reference,
)

_METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]
_MATCHING = {"enum": ["Exact", "RegularExpression", None]}
_NAMED = {"name": {"type": TEXT}, "value": {"type": TEXT}}
_WHOLE_NUMBER: Schema = {"type": ["integer", "null"], "minimum": 0}
_LIST: Schema = {"type": ["array", "null"], "items": {"type": TEXT}}
_TIME: Schema = {"type": ["string", "null"], "pattern": "^([0-9]{1,5}(h|m|s|ms)){1,4}$"}
_OBJECT = dict.fromkeys(("group", "kind", "name", "namespace"), TEXT_OR_NULL)
_SERVICE = {**_OBJECT, "port": {"type": ["integer", "null"], **PORT}}
_BACKEND = {
    **_SERVICE,
    "weight": {"type": ["integer", "null"], "minimum": 0, "maximum": 1000000},
    "filters": list_of("HTTPRouteFilter"),
}
_CHANGED_URL = {"hostname": TEXT_OR_NULL, "path": reference("HTTPPathModifier")}

GATEWAY: dict[str, Schema] = {
    "ParentReference": block({**_SERVICE, "sectionName": TEXT_OR_NULL}, ("name",)),
    "HTTPRouteRule": block(
        {
            "name": TEXT_OR_NULL,
            "matches": list_of("HTTPRouteMatch"),
            "filters": list_of("HTTPRouteFilter"),
            "backendRefs": list_of("HTTPBackendRef"),
            "timeouts": block({"request": _TIME, "backendRequest": _TIME}),
            # Of the experimental channel, where they still change.
            "retry": {"type": "object"},
            "sessionPersistence": {"type": "object"},
        }
    ),
    "HTTPRouteMatch": block(
        {
            "path": block(
                {
                    "type": {"enum": ["Exact", "PathPrefix", "RegularExpression", None]},
                    "value": {"type": ["string", "null"]},
                }
            ),
            "headers": list_of("HTTPValueMatch"),
            "queryParams": list_of("HTTPValueMatch"),
            "method": {"enum": [*_METHODS, None]},
        }
    ),
    "HTTPValueMatch": block({"type": _MATCHING, **_NAMED}, ("name", "value")),
    "HTTPBackendRef": block(_BACKEND, ("name",)),
    "WeightedBackendRef": block(_BACKEND, ("name", "port", "weight")),
    "HTTPRouteFilter": block(
        {
            "type": {
                "enum": ["RequestHeaderModifier", "ResponseHeaderModifier", "RequestMirror",
                         "RequestRedirect", "URLRewrite", "ExtensionRef", "CORS", "ExternalAuth"]
            },
            "requestHeaderModifier": reference("HTTPHeaderFilter"),
            "responseHeaderModifier": reference("HTTPHeaderFilter"),
            "requestMirror": block(
                {
                    "backendRef": block(_SERVICE, ("name",)),
                    "fraction": block(
                        {"numerator": _WHOLE_NUMBER, "denominator": _WHOLE_NUMBER}, ("numerator",)
                    ),
                    "percent": {**_WHOLE_NUMBER, "maximum": 100},
                },
                ("backendRef",),
            ),
            "requestRedirect": block(
                {
                    **_CHANGED_URL,
                    "scheme": {"enum": ["http", "https", None]},
                    "port": {"type": ["integer", "null"], **PORT},
                    "statusCode": {"enum": [301, 302, 303, 307, 308, None]},
                }
            ),
            "urlRewrite": block(_CHANGED_URL),
            "cors": block(
                {
                    "allowCredentials": {"type": ["boolean", "null"]},
                    **dict.fromkeys(
                        ("allowHeaders", "allowMethods", "allowOrigins", "exposeHeaders"), _LIST
                    ),
                    "maxAge": _WHOLE_NUMBER,
                }
            ),
            "extensionRef": block(_OBJECT, ("group", "kind", "name")),
            "externalAuth": {"type": "object"},
        },
        ("type",),
    ),
    "HTTPHeaderFilter": block(
        {"set": list_of("HTTPNamedValue"), "add": list_of("HTTPNamedValue"), "remove": _LIST}
    ),
    "HTTPNamedValue": block(_NAMED, ("name", "value")),
    "HTTPPathModifier": block(
        {
            "type": {"enum": ["ReplaceFullPath", "ReplacePrefixMatch"]},
            **dict.fromkeys(("replaceFullPath", "replacePrefixMatch"), TEXT_OR_NULL),
        },
        ("type",),
    ),
}  # fmt: skip

PROMETHEUS: dict[str, Schema] = {
    "Matchers": {**TEXTS, "propertyNames": {"pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"}},
    "Relabeling": block(
        {
            "sourceLabels": _LIST,
            **dict.fromkeys(
                ("action", "regex", "replacement", "separator", "targetLabel"), TEXT_OR_NULL
            ),
            "modulus": _WHOLE_NUMBER,
        }
    ),
    "AlertRule": block(
        {
            **dict.fromkeys(("alert", "record", "expr", "for", "keep_firing_for"), TEXT_OR_NULL),
            "labels": TEXTS,
            "annotations": TEXTS,
        },
        ("expr",),
    ),
}

_KEPT = (
    "scaleTargetRef",
    "minReplicaCount",
    "maxReplicaCount",
    "idleReplicaCount",
    "cooldownPeriod",
    "initialCooldownPeriod",
    "pollingInterval",
    "fallback",
    "triggers",
)
KEDA: dict[str, Schema] = {
    "KedaTrigger": {
        "type": "object",
        "properties": {"type": {"type": "string"}, "name": TEXT_OR_NULL, "metadata": TEXTS},
        "required": ["type", "metadata"],
    },
    "KedaAuthentication": {
        "type": ["string", "object"],
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string"},
            "kind": {"enum": ["TriggerAuthentication", "ClusterTriggerAuthentication", None]},
        },
        "required": ["name"],
    },
    "KedaFallback": block(
        {
            "failureThreshold": _WHOLE_NUMBER,
            "replicas": _WHOLE_NUMBER,
            "behavior": {"enum": ["static", "currentReplicas", "currentReplicasIfHigher",
                                  "currentReplicasIfLower", "scalingModifiers", None]},
        }
    ),
    "ScaledObjectSpec": block(
        {
            "advanced": block(
                {
                    "restoreToOriginalReplicaCount": {"type": ["boolean", "null"]},
                    "horizontalPodAutoscalerConfig": block({"behavior": {}}),
                    "scalingModifiers": block(
                        {
                            **dict.fromkeys(
                                ("formula", "target", "activationTarget"), TEXT_OR_NULL
                            ),
                            "metricType": {"enum": ["AverageValue", "Value", None]},
                        }
                    ),
                }
            ),
            # The chart's own, which a template refuses by name.
            **{field: {} for field in _KEPT},
        }
    ),
}  # fmt: skip

TYPES = {**GATEWAY, **PROMETHEUS, **KEDA}
