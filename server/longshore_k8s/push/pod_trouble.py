"""Why a pod that was made does not run, in sentences with what to do."""

from __future__ import annotations

from dataclasses import dataclass

from longshore_k8s.api import Json
from longshore_k8s.doctor.events import latest
from longshore_k8s.doctor.objects import Asks, MissingRight, Objects
from longshore_k8s.doctor.release import condition, container_statuses, name_of
from longshore_k8s.push.target import Target

_HOPELESS = {
    "CreateContainerConfigError", "ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName",
}  # fmt: skip

OUT_OF_MEMORY = "the pod was killed for want of memory: give it more by --memory"


@dataclass(frozen=True, slots=True)
class Trouble:
    sentence: str
    is_final: bool = False
    """Whether waiting is of no use."""


def trouble(pod: Json, target: Target, asks: Asks) -> Trouble | None:
    """What holds up a pod that does not run yet; `None` where nothing is known to."""
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return _unscheduled(str(scheduled.get("message", "")), target, asks)
    for status in container_statuses(pod):
        waiting = (status.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in (*_HOPELESS, "ErrImagePull", "CreateContainerError"):
            return _not_started(pod, waiting)
    return _volume(pod, target, asks)


def ended(pod: Json) -> str | None:
    """Why a pod that ran does no more; `None` where it does."""
    status = pod.get("status") or {}
    if "deletionTimestamp" in pod["metadata"]:
        return "the pod was deleted"
    for one in container_statuses(pod):
        state = (one.get("state") or {}).get("terminated")
        if state and state.get("reason") == "OOMKilled":
            return OUT_OF_MEMORY
        if state and state.get("exitCode"):
            return f"the pod ended with exit code {state['exitCode']}: {state.get('message', '')}"
    if status.get("phase") in ("Failed", "Succeeded"):
        said = " ".join(str(status.get(key) or "") for key in ("reason", "message")).strip()
        return f"the pod was ended: {said or 'it had nothing to do'}"
    return None


def _unscheduled(said: str, target: Target, asks: Asks) -> Trouble:
    if (target.claim.get("status") or {}).get("phase") != "Bound":
        return _unbound(said, target, asks)
    if target.is_on_one_node and target.users:
        user = target.users[0]
        return Trouble(
            f"claim {target.claim_name} ({', '.join(target.access_modes)}) is on node "
            f"{user['spec']['nodeName']}, where pod {name_of(user)} has it, and that node takes no "
            f"more: make room there, or scale the release down while you push [{said}]"
        )
    return Trouble(f"no node takes the pod that copies: make room, or --cpu and --memory [{said}]")


def _unbound(said: str, target: Target, asks: Asks) -> Trouble:
    """A claim that waits for its first pod is unbound too, and is no fault."""
    event = _event(asks, target, "PersistentVolumeClaim", target.claim_name, {
        "ProvisioningFailed", "FailedBinding", "ExternalProvisioning",
    })  # fmt: skip
    if event is None:
        return Trouble(
            f"claim {target.claim_name} has no volume yet, and no node takes the pod that copies: "
            f"see the scheduler's reason [{said}]"
        )
    shared = "ReadWriteMany" in target.access_modes
    other = ", or ask for less than ReadWriteMany (model.claim.accessModes)" if shared else ""
    return Trouble(
        f"claim {target.claim_name} is not bound: name a storage class that can make such a volume"
        f"{other} [{event.get('message', '')}]"
    )


def _not_started(pod: Json, waiting: Json) -> Trouble:
    image = pod["spec"]["containers"][0]["image"]
    reason, said = str(waiting["reason"]), str(waiting.get("message", ""))
    is_image = "Image" in reason
    what = (
        f"the node has no image {image} and cannot pull it: push it to a registry that the node "
        f"reaches (make image-cpu IMAGE=...), with imagePullSecrets of the release where it asks "
        f"for a password, or name another by --image"
        if is_image
        else f"the container of image {image} cannot be made"
    )
    return Trouble(f"{what} [{reason}: {said}]", is_final=reason in _HOPELESS)


def _volume(pod: Json, target: Target, asks: Asks) -> Trouble | None:
    event = _event(asks, target, "Pod", name_of(pod), {"FailedAttachVolume", "FailedMount"})
    if event is None:
        return None
    said = str(event.get("message", ""))
    if event["reason"] == "FailedAttachVolume" and target.is_on_one_node:
        return Trouble(
            f"claim {target.claim_name} ({', '.join(target.access_modes)}) is on another node: "
            f"scale down what uses it there, or wait until the volume is let go [{said}]"
        )
    return Trouble(f"claim {target.claim_name} cannot be mounted: see the reason [{said}]")


def _event(asks: Asks, target: Target, kind: str, name: str, reasons: set[str]) -> Json | None:
    """Asked anew each time: what was known a moment ago is not what is waited for."""
    try:
        return latest(Objects(asks, target.namespace), kind, name, reasons)
    except MissingRight:
        return None
