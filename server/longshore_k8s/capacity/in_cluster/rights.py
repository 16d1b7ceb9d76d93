"""What the user may do, asked before anything is made."""

from __future__ import annotations

from longshore_k8s.capacity.in_cluster.namespace import Namespace
from longshore_k8s.capacity.unsound import UnsoundError

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
RIGHTS = (
    ("create", "apps", "deployments"),
    ("get", "apps", "deployments"),
    ("list", "apps", "deployments"),
    ("patch", "apps", "deployments"),
    ("delete", "apps", "deployments"),
    ("create", "batch", "jobs"),
    ("delete", "batch", "jobs"),
    ("create", "", "configmaps"),
    ("create", "", "secrets"),
    ("list", "", "pods"),
    ("get", "", "pods/log"),
)
"""Verb, API group and resource."""
POLICY = ("create", "networking.k8s.io", "networkpolicies")


def require_rights(namespace: Namespace, *, has_policy: bool) -> None:
    """
    Raises:
        UnsoundError: names every right that is missing.
    """
    wanted = (*RIGHTS, *([POLICY] if has_policy else []))
    missing = [
        f"{verb} {resource}{'.' * bool(group)}{group}"
        for verb, group, resource in wanted
        if not _is_allowed(namespace, verb, group, resource)
    ]
    if missing:
        raise UnsoundError(
            f"may not {', '.join(missing)} in {namespace.name}: a Role with these, bound to you, "
            "is needed for a throw-away release"
        )


def _is_allowed(namespace: Namespace, verb: str, group: str, resource: str) -> bool:
    """True where the cluster does not say: a refusal comes soon enough."""
    name, _, subresource = resource.partition("/")
    attributes = {
        "namespace": namespace.name, "verb": verb, "group": group, "resource": name,
        "subresource": subresource,
    }  # fmt: skip
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    reply = namespace.api.post(REVIEWS, body)
    return reply.status >= 300 or bool(reply.json().get("status", {}).get("allowed"))
