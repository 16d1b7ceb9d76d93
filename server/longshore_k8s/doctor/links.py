"""Every link, in the order in which each hangs on those before it."""

from __future__ import annotations

from longshore_k8s.doctor.rules import (
    autoscaling,
    containers,
    creation,
    monitoring,
    scheduling,
    volumes,
)

LINKS = (
    *creation.RULES,
    *scheduling.RULES,
    *volumes.RULES[:3],
    scheduling.UNEXPLAINED,
    *volumes.RULES[3:],
    *containers.RULES,
    containers.COUNT,
    *autoscaling.RULES[:2],
    *monitoring.RULES,
    *autoscaling.RULES[2:],
)
PLANNED = (*creation.RULES[:1], *scheduling.RULES, *volumes.RULES[:3], autoscaling.RULES[1])
"""Those that can be judged before an install."""
