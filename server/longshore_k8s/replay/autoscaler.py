"""What an autoscaler is told: bounds, metrics, behavior; with the API server's defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

DEFAULT_TOLERANCE = 0.1
"""`--horizontal-pod-autoscaler-tolerance`."""
DEFAULT_DOWN_WINDOW = 300
"""`--horizontal-pod-autoscaler-downscale-stabilization`, in seconds."""


class Select(StrEnum):
    """Of several policies, the one that changes most or least; or none may change anything."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


@dataclass(frozen=True, slots=True)
class Policy:
    """At most `value` pods, or percent of them, in any `period_seconds`."""

    is_percent: bool
    value: int
    period_seconds: int


@dataclass(frozen=True, slots=True)
class Rules:
    """One direction of a behavior."""

    window_seconds: int
    policies: tuple[Policy, ...]
    select: Select = Select.MAX
    tolerance: float = DEFAULT_TOLERANCE


UP_DEFAULTS = Rules(0, (Policy(False, 4, 15), Policy(True, 100, 15)))
DOWN_DEFAULTS = Rules(DEFAULT_DOWN_WINDOW, (Policy(True, 100, 15),))


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """One HPA, without its metrics' readings."""

    minimum: int
    maximum: int
    up: Rules = UP_DEFAULTS
    down: Rules = DOWN_DEFAULTS
    has_behavior: bool = True
    targets: dict[str, int] = field(default_factory=dict)
    """Thousandths by the metric's key in the chart's `autoscaling.metrics`."""
    has_external_metric: bool = False
    """External or Object: there are readings without pods."""


def rules(block: dict[str, Any] | None, defaults: Rules) -> Rules:
    """`scaleUp` or `scaleDown` of a behavior, its unset fields as the API server sets them."""
    given = block or {}
    policies = given.get("policies")
    window = given.get("stabilizationWindowSeconds")
    tolerance = given.get("tolerance")
    return Rules(
        defaults.window_seconds if window is None else int(window),
        defaults.policies if policies is None else tuple(map(_policy, policies)),
        Select(given.get("selectPolicy") or Select.MAX),
        DEFAULT_TOLERANCE if tolerance is None else quantity(tolerance),
    )


def _policy(block: dict[str, Any]) -> Policy:
    return Policy(block["type"] == "Percent", int(block["value"]), int(block["periodSeconds"]))


def quantity(text: str | float) -> float:
    """A Kubernetes quantity such as `50m` or `0.05`."""
    written = str(text)
    if written.endswith("m"):
        return int(written[:-1]) / 1000
    return float(written)
