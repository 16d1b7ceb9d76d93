"""What a claim itself says against a push, before a pod is made."""

from __future__ import annotations

from longshore_k8s.doctor.release import name_of
from longshore_k8s.push.errors import PushFailed
from longshore_k8s.push.target import Target

_ONE_POD = "ReadWriteOncePod"


def check_claim(target: Target, *, writes: bool) -> None:
    """Raises:
    PushFailed: it is being deleted, has lost its volume, cannot be written to, or is taken.
    """
    name, modes = target.claim_name, target.access_modes
    if "deletionTimestamp" in target.claim["metadata"]:
        raise PushFailed(f"claim {name} is being deleted: push to another")
    if (target.claim.get("status") or {}).get("phase") == "Lost":
        raise PushFailed(f"claim {name} has lost its volume: make it anew")
    if writes and modes and all(mode == "ReadOnlyMany" for mode in modes):
        raise PushFailed(
            f"claim {name} is ReadOnlyMany: push through a claim that writes to the same volume, "
            f"or put the model there by whatever filled it"
        )
    if _ONE_POD in modes and target.users:
        raise PushFailed(
            f"claim {name} is {_ONE_POD} and pod {name_of(target.users[0])} has it: scale that to "
            f"0 while you push, or make the claim ReadWriteOnce"
        )
