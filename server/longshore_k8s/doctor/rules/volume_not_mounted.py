"""LS16: a volume that cannot be mounted."""

from __future__ import annotations

from longshore_k8s.doctor.claims import shown_event, waits_for_volumes
from longshore_k8s.doctor.events import latest
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release, name_of
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    for pod in release.pods:
        event = latest(objects, "Pod", name_of(pod), {"FailedMount"})
        if event is None or not waits_for_volumes(pod):
            continue
        return Finding(
            f"a volume of pod {name_of(pod)} cannot be mounted: a Secret or ConfigMap that is not "
            f"there, or a file server that does not answer",
            "see the proof, which names it",
            (shown_event(event),),
        )
    return None


RULE = Rule(
    "LS16", "volume", "the volumes are mounted",
    "The kubelet mounts volumes before it starts a container: the model's, and the Secrets "
    "and ConfigMaps that values name.",
    "Events FailedMount of pods none of whose containers has begun.",
    "Create what is missing, or mend the file server.",
    check,
)  # fmt: skip
