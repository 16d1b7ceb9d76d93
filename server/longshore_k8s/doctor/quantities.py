"""Kubernetes' quantities as numbers, and what a pod asks for.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re
from collections import Counter

from longshore_k8s.api import Json

_SUFFIXES = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0,
    "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip
_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([numkMGTPE]?i?)")
_NATIVE = ("cpu", "memory", "ephemeral-storage", "pods")


def parse_quantity(text: object) -> float:
    """In units: `500m` is 0.5, `1Ki` 1024; 0 where it is no quantity."""
    found = _QUANTITY.fullmatch(str(text))
    if found is None or found[2] not in _SUFFIXES:
        return 0.0
    try:
        return float(found[1]) * _SUFFIXES[found[2]]
    except ValueError:
        return 0.0


def pod_requests(spec: Json) -> dict[str, float]:
    """What the scheduler counts for a pod: its containers together, or its largest init container
    where that is more, and the overhead of its runtime.
    """
    together: Counter[str] = Counter()
    alone: dict[str, float] = {}
    for container in spec.get("initContainers") or []:
        asked = _requests(container)
        if container.get("restartPolicy") == "Always":  # a sidecar stays
            together.update(asked)
            continue
        for name, amount in asked.items():
            alone[name] = max(alone.get(name, 0.0), amount + together[name])
    for container in spec.get("containers") or []:
        together.update(_requests(container))
    for name, amount in alone.items():
        together[name] = max(together[name], amount)  # type: ignore[assignment]
    together.update({n: parse_quantity(q) for n, q in (spec.get("overhead") or {}).items()})
    return dict(together)


def devices(requests: dict[str, float]) -> dict[str, float]:
    """The extended resources among `requests`, such as `nvidia.com/gpu`."""
    return {
        name: amount
        for name, amount in requests.items()
        if name not in _NATIVE and not name.startswith("hugepages-") and amount > 0
    }


def shown(resource: str, amount: float) -> str:
    """As people write it: `500m`, `1.5Gi`, `2`."""
    if resource == "memory":
        unit = next((u for u in ("Gi", "Mi", "Ki") if amount >= _SUFFIXES[u]), "")
        return f"{amount / _SUFFIXES[unit]:.4g}{unit}"
    return f"{amount * 1000:.0f}m" if resource == "cpu" and amount % 1 else f"{amount:g}"


def _requests(container: Json) -> dict[str, float]:
    resources = container.get("resources") or {}
    asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: parse_quantity(quantity) for name, quantity in asked.items()}
