"""The numbers of a rollout, as the status of a resource holds them; `None` where it has none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from longshore_k8s.api import Json

STAGES = ("Verify", "Candidate", "Validate", "Step", "Promote", "Retire", "Abort")
OUTCOMES = ("promoted", "aborted")


def stage(status: Json) -> str | None:
    found = _rollout(status).get("stage")
    return None if found is None else str(found)


def stalled(status: Json) -> float | None:
    conditions = status.get("conditions") or ()
    is_stalled = any((c["type"], c["status"]) == ("Stalled", "True") for c in conditions)
    return 1.0 if is_stalled else None


def share(status: Json) -> float | None:
    """From 0 to 1."""
    percent = _number(status, "share")
    return None if percent is None else percent / 100.0


def requests(status: Json) -> float | None:
    return _number(status, "requests")


def bad(status: Json) -> float | None:
    return _number(status, "bad")


def evidence(status: Json) -> float | None:
    return _number(status, "evidence")


def deadline(status: Json) -> float | None:
    """In Unix time."""
    found = _rollout(status).get("deadline")
    return None if found is None else datetime.fromisoformat(found).timestamp()


def ended(before: Json, after: Json) -> Iterator[str]:
    """The outcomes of the rollouts that are in the history of `after` and not in that of `before`,
    both of them statuses."""
    known = before.get("history") or ()
    for entry in after.get("history") or ():
        if entry not in known:
            yield str(entry["outcome"]).lower()


def _rollout(status: Json) -> Json:
    return status.get("rollout") or {}


def _number(status: Json, name: str) -> float | None:
    found = _rollout(status).get(name)
    return None if found is None else float(found)
