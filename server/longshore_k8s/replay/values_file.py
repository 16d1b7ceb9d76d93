"""What a replay takes from values of the chart, and from the measurement beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from longshore.errors import SettingsError
from longshore_k8s import chart_values
from longshore_k8s.replay.autoscaler import DOWN_DEFAULTS, UP_DEFAULTS, Autoscaler, Rules, rules

Json = dict[str, Any]
CHART_DEFAULTS: Json = {
    "autoscaling": {
        "mode": "none",
        "minReplicas": 1,
        "maxReplicas": 5,
        "metrics": {
            "utilization": 0.7,
            "requestsPerSecond": None,
            "concurrency": None,
            "latencyP95": None,
            "cpu": None,
            "memory": None,
        },
        "custom": [],
        "keda": {"pollingInterval": None},
        "behavior": {
            "scaleUp": {
                "stabilizationWindowSeconds": 0,
                "selectPolicy": "Max",
                "policies": [
                    {"type": "Percent", "value": 100, "periodSeconds": 15},
                    {"type": "Pods", "value": 4, "periodSeconds": 15},
                ],
            },
            "scaleDown": {
                "stabilizationWindowSeconds": 300,
                "selectPolicy": "Max",
                "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
            },
        },
    },
    "metrics": {
        "podMonitor": {"enabled": None, "interval": "15s"},
        "serviceMonitor": {"enabled": False, "interval": "15s"},
        "annotations": {"interval": "1m"},
    },
}
"""The keys of `chart/values.yaml` that a replay reads; a test holds both equal."""
MODELLED = ("utilization", "requestsPerSecond", "concurrency")
_DURATION = re.compile(r"(\d+)(ms|s|m|h)")
_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


def read_values(paths: Sequence[Path]) -> Json:
    """The files over the chart's defaults; raises as `chart_values.read_values` does."""
    return chart_values.read_values(paths, CHART_DEFAULTS)


def autoscaler(values: Json) -> Autoscaler:
    """The HPA that the chart, or KEDA, makes of `values`.

    Raises:
        SettingsError: there is none, or it has what a replay does not model.
    """
    block = values["autoscaling"]
    if block.get("mode") not in ("hpa", "keda"):
        raise SettingsError(
            f"autoscaling.mode is {block.get('mode')!r}: nothing would scale; 'hpa' or 'keda'"
        )
    least, most = (_whole(block, key) for key in ("minReplicas", "maxReplicas"))
    if not 1 <= least <= most:
        raise SettingsError(
            f"autoscaling: minReplicas {least} and maxReplicas {most}; 1 <= min <= max is needed"
        )
    told = block.get("behavior") or {}
    return Autoscaler(
        least,
        most,
        _direction(told, "scaleUp", UP_DEFAULTS),
        _direction(told, "scaleDown", DOWN_DEFAULTS),
        has_behavior=bool(told),
        targets=_targets(block),
    )


def _whole(block: Json, key: str) -> int:
    value = block.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise SettingsError(f"autoscaling.{key} is {value!r}; a whole number is needed")
    return value


def _direction(told: Json, key: str, defaults: Rules) -> Rules:
    block = told.get(key)
    try:
        if block is not None and block.get("policies") == []:
            raise ValueError("policies is empty, which the API server refuses")
        return rules(block, defaults)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SettingsError(f"autoscaling.behavior.{key}: {error!s} in {block}") from error


def _targets(block: Json) -> dict[str, int]:
    asked = {
        key: value for key, value in block["metrics"].items() if value not in (None, "none", 0)
    }
    for key in asked:
        if key not in MODELLED:
            raise SettingsError(
                f"autoscaling.metrics.{key}: a replay knows how requests arrive, not {key}; "
                f"it models {', '.join(MODELLED)}"
            )
    if block.get("custom"):
        raise SettingsError(
            "autoscaling.custom: a replay does not know these metrics; leave them out"
        )
    if not asked:
        raise SettingsError("autoscaling.metrics: no metric has a target; nothing would scale")
    targets = {}
    for key, value in asked.items():
        try:
            targets[key] = round(float(value) * 1000)
        except (TypeError, ValueError):
            raise SettingsError(
                f"autoscaling.metrics.{key} is {value!r}; a number is needed"
            ) from None
        if targets[key] < 1:
            raise SettingsError(f"autoscaling.metrics.{key} is {value!r}; at least 0.001 is needed")
    return targets


def scrape_interval_ms(values: Json) -> int:
    """Of the monitor that the chart creates, or of the Prometheus that finds pods by annotations.

    Raises:
        SettingsError: it is no duration.
    """
    metrics = values["metrics"]
    key = _scraped_by(metrics)
    text = str(metrics[key]["interval"])
    found = _DURATION.fullmatch(text)
    if found is None or not int(found[1]):
        raise SettingsError(f"metrics.{key}.interval is {text!r}; a duration such as 15s")
    return int(found[1]) * _MILLISECONDS[found[2]]


def _scraped_by(metrics: Json) -> str:
    """As `longshore.monitor` of the chart decides it, on a cluster that knows PodMonitors."""
    if metrics["serviceMonitor"].get("enabled"):
        return "serviceMonitor"
    return "annotations" if metrics["podMonitor"].get("enabled") is False else "podMonitor"


def polling_seconds(values: Json) -> int | None:
    """KEDA's `pollingInterval`; `None` where the values leave it to KEDA.

    Raises:
        SettingsError: it is no whole number above 0.
    """
    value = values["autoscaling"]["keda"].get("pollingInterval")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SettingsError(
            f"autoscaling.keda.pollingInterval is {value!r}; a whole number of seconds above 0"
        )
    return value


def measured_beside(paths: Sequence[Path]) -> Json:
    """What `longshore capacity` wrote beside the last values file that has such; else empty.

    Raises:
        SettingsError: the file is no JSON object.
    """
    for path in reversed(paths):
        beside = path.with_suffix(".json")
        if beside.exists():
            try:
                document = json.loads(beside.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise SettingsError(f"{beside}: cannot be read: {error}") from error
            if not isinstance(document, dict):
                raise SettingsError(f"{beside}: is no JSON object")
            return document
    return {}
