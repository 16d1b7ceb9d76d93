"""Where to push to: a claim, or the claim of a release, and the directory of the model on it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import yaml

from longshore.errors import SettingsError
from longshore_k8s.api import Json
from longshore_k8s.doctor.objects import MissingRight, Objects
from longshore_k8s.doctor.release import (
    COMPONENT,
    INSTANCE,
    SERVER,
    NoRelease,
    Release,
    labels,
    name_of,
)
from longshore_k8s.push.errors import PushFailed

_WORD = re.compile(r"(?:(claim|release)/)?([a-z0-9](?:[-a-z0-9.]*[a-z0-9])?)(?::(.*))?", re.DOTALL)
_CONFIG_KEY = "longshore.yaml"


@dataclass(frozen=True, slots=True)
class Target:
    """A claim, and a directory on it."""

    namespace: str
    claim: Json
    path: str
    """Of the model's directory on the volume, relative to its root; empty for the root."""
    release: str | None
    """The release whose claim and path these are, or which serves from the claim."""
    pod_spec: Json = field(default_factory=dict)
    """Of that release's pods."""
    users: tuple[Json, ...] = ()
    """The pods that have the claim mounted."""

    @property
    def claim_name(self) -> str:
        return name_of(self.claim)

    @property
    def image(self) -> str | None:
        """What the release's pods run."""
        return str(server_container(self.pod_spec)["image"]) if self.pod_spec else None

    @property
    def access_modes(self) -> list[str]:
        status = self.claim.get("status") or {}
        found: list[str] = status.get("accessModes") or self.claim["spec"].get("accessModes") or []
        return found

    @property
    def is_on_one_node(self) -> bool:
        """Whether one node at a time can mount the volume, as long as it is written to."""
        return "ReadWriteMany" not in self.access_modes and self.access_modes != ["ReadOnlyMany"]

    def __str__(self) -> str:
        of = f" of release {self.release}" if self.release else ""
        return f"claim {self.claim_name}{of}, {self.path or 'its root'}"


def find_target(word: str, objects: Objects) -> Target:
    """What `CLAIM_OR_RELEASE[:path]` means. A claim comes before a release of that name;
    `claim/NAME` and `release/NAME` say which.

    Raises:
        SettingsError: it is not written like that.
        PushFailed: there is neither, or the release serves from no claim.
        MissingRight: what is asked for may not be read.
    """
    found = _WORD.fullmatch(word)
    if found is None:
        raise SettingsError(
            f"{word!r}: allowed: CLAIM or RELEASE, with claim/ or release/ before it to say which, "
            f"and with :PATH behind it"
        )
    kind, name, path = found.groups()
    path = None if path is None else _checked(path)
    claim = None if kind == "release" else _claim(name, objects)
    if claim is not None:
        return _of_claim(claim, path, objects)
    if kind == "claim":
        raise PushFailed(_no_claim(name, objects))
    try:
        return _of_release(Release.find(name, objects), path, objects)
    except NoRelease as error:
        raise PushFailed(f"{_no_claim(name, objects)}; and {error}") from None


def _checked(path: str) -> str:
    plain = PurePosixPath(path.strip("/"))
    if ".." in plain.parts:
        raise SettingsError(f"path {path!r}: allowed: a directory on the volume, without `..`")
    return "" if plain == PurePosixPath() else str(plain)


def _claim(name: str, objects: Objects) -> Json | None:
    path = f"/api/v1/namespaces/{objects.namespace}/persistentvolumeclaims/{name}"
    reply = objects.ask(path, right=f"get persistentvolumeclaims in {objects.namespace}")
    return reply.json() if reply.status == 200 else None


def _no_claim(name: str, objects: Objects) -> str:
    try:
        others = sorted(map(name_of, objects.listed("persistentvolumeclaims")))
        has = f"the namespace has {', '.join(others) or 'none'}"
    except MissingRight:
        has = "its claims may not be listed"
    return (
        f"no claim {name!r} in namespace {objects.namespace} ({has}): name one of them, make one, "
        f"or let the chart make one (--set model.claim.create=true)"
    )


def _of_claim(claim: Json, path: str | None, objects: Objects) -> Target:
    """With the release that serves from it, where there is one."""
    name = name_of(claim)
    try:
        serving = [d for d in objects.listed("deployments") if _serves_from(d, name)]
    except MissingRight:
        serving = []
    if not serving:
        return Target(objects.namespace, claim, path or "", None, {}, _users(name, objects))
    paths = {_path_of(deployment, objects) for deployment in serving} if path is None else {path}
    if len(paths) > 1:
        shown = ", ".join(sorted(one or "its root" for one in paths))
        raise PushFailed(f"releases serve from {shown} of claim {name}: push to {name}:PATH")
    deployment = serving[0]
    spec = deployment["spec"]["template"]["spec"]
    release = labels(deployment).get(INSTANCE)
    return Target(objects.namespace, claim, paths.pop(), release, spec, _users(name, objects))


def _of_release(release: Release, path: str | None, objects: Objects) -> Target:
    name = _claim_name(release.pod_spec)
    if name is None:
        raise PushFailed(
            f"release {release.name} serves from no claim (model.volume): put the model there by "
            f"the means of that volume"
        )
    claim = _claim(name, objects)
    if claim is None:
        raise PushFailed(f"release {release.name}: {_no_claim(name, objects)}")
    if path is None:
        path = _path_of(release.deployment, objects)
    users = _users(name, objects)
    return Target(objects.namespace, claim, path, release.name, release.pod_spec, users)


def server_container(spec: Json) -> Json:
    """The server among the containers of a pod of a release."""
    containers: list[Json] = spec["containers"]
    return next((one for one in containers if one.get("name") == SERVER), containers[0])


def _serves_from(deployment: Json, claim: str) -> bool:
    is_server = labels(deployment).get(COMPONENT) == SERVER
    return is_server and _claim_name(deployment["spec"]["template"]["spec"]) == claim


def _volume(spec: Json, name: str) -> Json:
    return next((v for v in spec.get("volumes") or [] if v.get("name") == name), {})


def _claim_name(spec: Json) -> str | None:
    claim: Any = _volume(spec, "model").get("persistentVolumeClaim") or {}
    found = claim.get("claimName")
    return None if found is None else str(found)


def _path_of(deployment: Json, objects: Objects) -> str:
    """Of the model on the volume: `model_path` of the release's settings, less the mount."""
    spec = deployment["spec"]["template"]["spec"]
    name = (_volume(spec, "config").get("configMap") or {}).get("name")
    path = f"/api/v1/namespaces/{objects.namespace}/configmaps/{name}"
    reply = objects.ask(path, right=f"get configmaps in {objects.namespace} (or give :PATH)")
    text = (reply.json().get("data") or {}).get(_CONFIG_KEY)
    settings = yaml.safe_load(text) if text else None
    model_path = settings.get("model_path") if isinstance(settings, dict) else None
    mounts = server_container(spec).get("volumeMounts") or []
    mount = next((m["mountPath"] for m in mounts if m.get("name") == "model"), "/models")
    if not model_path or not PurePosixPath(model_path).is_relative_to(mount):
        raise PushFailed(f"configmap {name} does not say where the model lies: give :PATH")
    return _checked(str(PurePosixPath(model_path).relative_to(mount)))


def _users(claim: str, objects: Objects) -> tuple[Json, ...]:
    """Empty where pods may not be listed."""
    try:
        pods = objects.listed("pods")
    except MissingRight:
        return ()
    return tuple(
        pod for pod in pods
        if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
        and pod["spec"].get("nodeName")
        and any((v.get("persistentVolumeClaim") or {}).get("claimName") == claim
                for v in pod["spec"].get("volumes") or [])
    )  # fmt: skip
