"""Whether the pods of a release could be made."""

from __future__ import annotations

from longshore_k8s.api import Json
from longshore_k8s.doctor.release import Release, condition


def refusal(release: Release) -> Json:
    """The condition by which the Deployment says that no pod could be made; empty without it."""
    found = condition(release.deployment, "ReplicaFailure")
    is_refused = found.get("status") == "True" and found.get("reason") == "FailedCreate"
    return found if is_refused else {}
