"""LS04: a namespace, or a webhook, that refuses the pods."""

from __future__ import annotations

from longshore_k8s.doctor.creation import refusal
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release, labels, name_of, shown_condition
from longshore_k8s.doctor.rule import Finding, Rule

_ENFORCE = "pod-security.kubernetes.io/enforce"


def check(release: Release, objects: Objects) -> Finding | None:
    refused = refusal(release)
    if not refused:
        return None
    objects.listed("resourcequotas")  # who may not see them cannot say that it is not one of them
    for namespace in objects.listed("namespaces"):
        level = labels(namespace).get(_ENFORCE, "privileged")
        if name_of(namespace) == release.namespace and level != "privileged":
            return Finding(
                f"the namespace enforces the Pod Security Standard {level}, and a pod of this "
                f"release is refused",
                "change the fields that the proof names; the chart's own pods fit `restricted`, so "
                "they come from `podSpec`, `containerSpec`, a security context or `model.volume`",
                (
                    shown_condition(release.deployment, refused),
                    f"namespace {release.namespace}: {_ENFORCE}={level}",
                    str(refused.get("message", "")),
                ),
            )
    return Finding(
        "the cluster refuses to make the pods of this release, by no quota and no Pod Security "
        "Standard: an admission webhook or a missing object",
        "see the proof, which has the words of who refuses",
        (shown_condition(release.deployment, refused), str(refused.get("message", ""))),
    )


RULE = Rule(
    "LS04", "creation", "the namespace lets such pods be made",
    "A namespace may enforce a Pod Security Standard, and webhooks may refuse pods for "
    "reasons of their own.",
    "The Deployment's condition ReplicaFailure with the reason FailedCreate, where no quota "
    "explains it, and the namespace's label `pod-security.kubernetes.io/enforce`.",
    "Change the field that is named. The chart's own pods fit `restricted`, with claims, "
    "`csi` and `ephemeral` volumes.",
    check,
)  # fmt: skip
