"""LS18: a container whose Secret, ConfigMap or key is missing."""

from __future__ import annotations

from longshore_k8s.doctor.containers import MOST_CHARACTERS, shown_state, waiting
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release, name_of
from longshore_k8s.doctor.rule import Finding, Rule

_CONFIG = {"CreateContainerConfigError", "CreateContainerError"}


def check(release: Release, objects: Objects) -> Finding | None:
    for pod, status, state in waiting(release, _CONFIG):
        return Finding(
            f"the container {status['name']} of pod {name_of(pod)} cannot "
            f"be made of what it names: "
            f"a Secret, a ConfigMap or a key in one",
            "see the proof, which names it",
            (shown_state(pod, status, state), str(state.get("message", ""))[:MOST_CHARACTERS]),
        )
    return None


RULE = Rule(
    "LS18", "container", "the container can be made of what it names",
    "Variables from a Secret or ConfigMap need it, and the key in it.",
    "A container that waits for CreateContainerConfigError or CreateContainerError.",
    "Create it, or mend the name in `extraEnv`, `auth` or `tls`.",
    check,
)  # fmt: skip
