"""What the API server refuses, in sentences with what to do.

Its messages are quoted, not read, but for the few words that tell one admission plugin from
another: the status is 403 for all of them.
"""

from __future__ import annotations

from longshore_k8s.api import Json, Reply
from longshore_k8s.push.errors import PushFailed

RIGHTS = (
    ("get", "persistentvolumeclaims", ""),
    ("create", "pods", ""),
    ("get", "pods", ""),
    ("delete", "pods", ""),
    ("create", "pods", "exec"),
    ("get", "pods", "exec"),
)
"""Verb, resource and subresource. Older API servers ask for `get` on `pods/exec`, newer for
both.
"""


def missing_rights(reviews: list[tuple[tuple[str, str, str], Reply]]) -> list[str]:
    """Those that a SelfSubjectAccessReview denies, as `kubectl auth can-i` takes them."""
    return [
        f"{verb} {resource}{'/' if subresource else ''}{subresource}"
        for (verb, resource, subresource), reply in reviews
        if reply.status == 201 and not (reply.json().get("status") or {}).get("allowed")
    ]


def access_review(namespace: str, right: tuple[str, str, str]) -> Json:
    """Asks whether the one who asks has it."""
    verb, resource, subresource = right
    attributes = {
        "namespace": namespace, "verb": verb, "resource": resource, "subresource": subresource
    }  # fmt: skip
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }


def refused_pod(reply: Reply, namespace: str) -> PushFailed:
    """Why the pod may not be made."""
    said = str(reply.json().get("message") or reply.body[:500].decode(errors="replace"))
    return PushFailed(f"{_advice(said, reply.status, namespace)} [{reply.status}: {said}]")


def _advice(said: str, status: int, namespace: str) -> str:
    if "exceeded quota" in said or "failed quota" in said:
        return (
            f"a ResourceQuota of {namespace} has no room for the pod that copies: raise it, end "
            f"another pod, or take less by --cpu and --memory"
        )
    if "PodSecurity" in said:
        return (
            f"{namespace} enforces a Pod Security Standard that the pod does not meet: mend "
            f"podSecurityContext and securityContext of the release, which it takes over"
        )
    if " per Container" in said or " per Pod" in said or "ratio" in said:
        return (
            f"a LimitRange of {namespace} does not allow the pod that copies: choose what it takes "
            f"by --cpu and --memory"
        )
    if "cannot create resource" in said:
        return (
            f"you may not create pods in {namespace}: ask for the Role in the chart's README, "
            f"`A model onto the claim`"
        )
    if status == 404:
        return f"there is no namespace {namespace}: name it by -n"
    return f"{namespace} does not admit the pod that copies: see who refuses it"
