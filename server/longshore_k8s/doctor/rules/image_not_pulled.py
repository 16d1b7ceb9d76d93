"""LS17: an image that cannot be pulled."""

from __future__ import annotations

from longshore_k8s.doctor.containers import MOST_CHARACTERS, shown_state, waiting
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release
from longshore_k8s.doctor.rule import Finding, Rule

_IMAGE = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}


def check(release: Release, objects: Objects) -> Finding | None:
    for pod, status, state in waiting(release, _IMAGE):
        secrets = [one["name"] for one in release.pod_spec.get("imagePullSecrets") or []]
        by = f"with the Secrets {', '.join(secrets)}" if secrets else "without a Secret"
        return Finding(
            f"the image {status['image']} cannot be pulled ({by})",
            "--set image.repository=... image.tag=... of one that is there; for a private registry "
            "--set 'imagePullSecrets[0]=NAME'",
            (shown_state(pod, status, state), str(state.get("message", ""))[:MOST_CHARACTERS]),
        )
    return None


RULE = Rule(
    "LS17", "container", "the image is pulled",
    "A tag that is not there, a registry that does not answer, or one that wants a Secret.",
    "A container that waits for ErrImagePull, ImagePullBackOff, InvalidImageName or "
    "ErrImageNeverPull.",
    "Name an image that is there (`image`), and a Secret for it (`imagePullSecrets`).",
    check,
)  # fmt: skip
