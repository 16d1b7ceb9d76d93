"""LS11: a kubelet that does not give the devices that the scheduler counted."""

from __future__ import annotations

from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release, name_of
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    for pod in release.pods:
        status = pod.get("status") or {}
        if status.get("phase") == "Failed" and status.get("reason") == "UnexpectedAdmissionError":
            return Finding(
                f"the kubelet of {pod['spec'].get('nodeName')} refuses pod {name_of(pod)}: the "
                f"device plugin cannot give what the scheduler counted on",
                "restart the device plugin of the node, and delete the pod",
                (
                    f"pod {name_of(pod)}: Failed UnexpectedAdmissionError",
                    str(status.get("message")),
                ),
            )
    return None


RULE = Rule(
    "LS11", "node", "the kubelet gives the devices",
    "The scheduler counts devices; the kubelet and its device plugin hand them out, and may "
    "disagree after a restart.",
    "A pod's phase Failed with the reason UnexpectedAdmissionError.",
    "Restart the device plugin of that node, and delete the pod.",
    check,
)  # fmt: skip
