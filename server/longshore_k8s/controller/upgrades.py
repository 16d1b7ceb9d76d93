"""Another chart, or another cluster, makes other pods of the same specs: in waves over the models.

The first model alone, then as many at once as have come through, and none after one that has not.
What became of each is in its status; here is only who has begun and has no status of it yet.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from longshore_k8s.api import Json
from longshore_k8s.controller.decision import Observed
from longshore_k8s.controller.life import MADE_BY, Life
from longshore_k8s.controller.resource import Key, Resource
from longshore_k8s.controller.stages import rendered_pods

_WITHOUT_STATUS_SECONDS = 60.0
"""A write that is refused gives its place to others."""
_ROLLING = frozenset({"RollingOut", "AwaitingPods"})


def gives_other_pods(observed: Observed) -> bool:
    """Whether what was rendered for stable has other pods though its values and version are those
    that serve."""
    resource, life = observed.resource, Life.of(observed.resource)
    recorded, rendered = life.stable.get("pods"), rendered_pods(observed)
    is_same = life.aim == (resource.stable if resource.is_guarded else resource.aim)
    return bool(is_same and recorded and rendered and recorded != rendered)


@dataclass(slots=True)
class Upgrades:
    """Whose turn it is; safe for threads."""

    resources: Callable[[], Iterable[Resource]]
    clock: Callable[[], float]
    """Monotonic, in seconds."""
    _begun: dict[Key, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def held(self, resource: Resource, made_by: str) -> str:
        """Why that model has to wait for the pods that `made_by`, a digest of chart, code and
        cluster, gives it; empty: it may have them now, as one whose own pods do not come up."""
        if _outcome(resource.status) == "failed":
            return ""
        with self._lock:
            others = [one for one in self.resources() if one.key != resource.key]
            states = {one.key: self._state(one, made_by) for one in others}
            failed = sorted(one for one, state in states.items() if state == "failed")
            rolling = sum(state == "rolling" for state in states.values())
            done = sum(state == "done" for state in states.values())
            if failed:
                namespace, name = failed[0]
                return f"{namespace}/{name} has not come up by the newest chart; no other gets it."
            if rolling >= max(1, done):
                return f"Others get the newest chart's pods first: {rolling} now, {done} have them."
            self._begun[resource.key] = self.clock()
            return ""

    def _state(self, resource: Resource, made_by: str) -> str:
        status = resource.status
        if (status.get("stable") or {}).get(MADE_BY) == made_by:
            self._begun.pop(resource.key, None)
            return _outcome(status)
        begun = self._begun.get(resource.key)
        is_begun = begun is not None and self.clock() - begun < _WITHOUT_STATUS_SECONDS
        return "rolling" if is_begun else ""


def _outcome(status: Json) -> str:
    """Of one that has got its pods; a candidate that is on its way since is its own affair."""
    if status.get("rollout"):
        return "done"
    found = {one["type"]: one for one in status.get("conditions") or () if one["status"] == "True"}
    if found.get("Degraded", {}).get("reason") == "DeadlineExceeded":
        return "failed"
    return "rolling" if found.get("Progressing", {}).get("reason") in _ROLLING else "done"
