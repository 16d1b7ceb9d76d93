"""Who a container runs as, and what it may do: the security contexts of pod and container."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.node_agent.api import Json
from tests.cluster.node_agent.environment import ConfigError

# What the usual container runtimes grant when nothing is dropped.
DEFAULT_CAPABILITIES = (
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
)


def user(pod_spec: Json, container: Json, *, image_user: str, root: Path) -> Json:
    """The OCI `process.user`; raises ConfigError for root where runAsNonRoot is set."""
    uid = _setting(pod_spec, container, "runAsUser")
    if uid is None:
        uid = _image_user_id(image_user, root)
    if uid == 0 and _setting(pod_spec, container, "runAsNonRoot"):
        raise ConfigError("container has runAsNonRoot and image will run as root")
    pod_context = pod_spec.get("securityContext") or {}
    groups = list(pod_context.get("supplementalGroups") or [])
    if "fsGroup" in pod_context:
        groups.append(pod_context["fsGroup"])
    gid = _setting(pod_spec, container, "runAsGroup") or 0
    return {"uid": uid, "gid": gid, "additionalGids": groups}


def capabilities(container: Json, uid: int) -> Json:
    """The OCI `process.capabilities`; a user who is not root holds only what was added."""
    declared = (container.get("securityContext") or {}).get("capabilities") or {}
    dropped, added = set(declared.get("drop") or []), list(declared.get("add") or [])
    base = (
        [] if "ALL" in dropped else [name for name in DEFAULT_CAPABILITIES if name not in dropped]
    )
    bounding = [f"CAP_{name}" for name in dict.fromkeys([*base, *added])]
    held = bounding if uid == 0 else [f"CAP_{name}" for name in added]
    return {"bounding": bounding, "effective": held, "permitted": held, "inheritable": []}


def forbids_new_privileges(container: Json) -> bool:
    context = container.get("securityContext") or {}
    return context.get("allowPrivilegeEscalation") is False


def has_read_only_root(container: Json) -> bool:
    return bool((container.get("securityContext") or {}).get("readOnlyRootFilesystem"))


def _setting(pod_spec: Json, container: Json, key: str) -> int | None:
    for context in (container.get("securityContext"), pod_spec.get("securityContext")):
        if context and context.get(key) is not None:
            return int(context[key])
    return None


def _image_user_id(image_user: str, root: Path) -> int:
    name = image_user.split(":")[0]
    if name.isdigit():
        return int(name)
    for line in (root / "etc/passwd").read_text(encoding="utf-8").splitlines():
        fields = line.split(":")
        if fields[0] == name:
            return int(fields[2])
    raise ConfigError(f"image user {name} is not in /etc/passwd")
