"""Label selectors, as the API evaluates them.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
"""

from __future__ import annotations

from longshore_k8s.api import Json


def selects(selector: Json, found: dict[str, str]) -> bool:
    """Whether a LabelSelector takes in what has the labels `found`; an empty one takes in all."""
    wanted = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or []
    return wanted.items() <= found.items() and all(holds(found, one) for one in expressions)


def holds(found: dict[str, str], expression: Json) -> bool:
    """An expression of a selector, over labels or fields."""
    key, operator = str(expression["key"]), str(expression["operator"])
    values: list[str] = expression.get("values") or []
    if operator in ("Exists", "DoesNotExist"):
        return (key in found) == (operator == "Exists")
    if operator == "In":
        return found.get(key) in values
    if operator == "NotIn":
        return found.get(key) not in values
    try:
        number, bound = int(found[key]), int(values[0])
    except (KeyError, ValueError, IndexError):
        return False
    return number > bound if operator == "Gt" else number < bound
