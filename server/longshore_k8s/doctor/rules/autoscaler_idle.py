"""LS23: an autoscaler that cannot act on its target, or two for one."""

from __future__ import annotations

from longshore_k8s.api import Json
from longshore_k8s.doctor.autoscaler import autoscalers, reasons, shown_autoscaler
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release, name_of
from longshore_k8s.doctor.rule import Finding, Rule

_TARGET = {"FailedGetScale", "InvalidSelector", "AmbiguousSelector"}


def check(release: Release, objects: Objects) -> Finding | None:
    found = autoscalers(release, objects)
    if len(found) > 1:
        names = sorted(map(name_of, found))
        return Finding(
            f"the autoscalers {' and '.join(names)} change the count of the same Deployment",
            f"keep one: kubectl -n {release.namespace} delete hpa NAME",
            tuple(f"horizontalpodautoscaler {name}: spec.scaleTargetRef" for name in names),
        )
    for autoscaler in found:
        for kind in ("AbleToScale", "ScalingActive"):
            status, reason = reasons(autoscaler)[kind]
            if status == "False" and reason in _TARGET:
                return _target_finding(release, objects, autoscaler, kind, reason)
    return None


def _target_finding(
    release: Release, objects: Objects, autoscaler: Json, kind: str, reason: str
) -> Finding:
    wanted = release.deployment["spec"]["selector"].get("matchLabels") or {}
    others = [
        name_of(one) for one in objects.listed("horizontalpodautoscalers") if one is not autoscaler
    ]
    because = {
        "FailedGetScale": "it cannot read the count of its target",
        "InvalidSelector": "the selector of its target is none",
        "AmbiguousSelector": f"its pods ({wanted}) are those of another autoscaler, too; the "
        f"namespace has {', '.join(others) or 'no other'}",
    }[reason]
    return Finding(
        f"the autoscaler {name_of(autoscaler)} does nothing: {because}",
        "let each Deployment have labels of its own and one autoscaler",
        (shown_autoscaler(autoscaler, kind),),
    )


RULE = Rule(
    "LS23", "autoscaler", "one autoscaler has the release for its target",
    "An HPA finds its pods by the Deployment's selector; two that find the same pods both "
    "stop.",
    "The HPAs that name the Deployment, and their conditions AbleToScale and ScalingActive "
    "with the reasons FailedGetScale, InvalidSelector and AmbiguousSelector.",
    "Remove the other autoscaler.",
    check,
)  # fmt: skip
