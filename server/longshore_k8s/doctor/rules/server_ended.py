"""LS20: a server that ends."""

from __future__ import annotations

from longshore_k8s.doctor.containers import MOST_CHARACTERS, ended, shown_state
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release, name_of
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    for pod, status, state in ended(release):
        last = [line for line in str(state.get("message") or "").splitlines() if line.strip()]
        said = last[-1].strip()[:MOST_CHARACTERS] if last else "it left no words"
        return Finding(
            f"the container {status['name']} of pod {name_of(pod)} ends with code "
            f"{state.get('exitCode')}: {said}",
            f"kubectl -n {release.namespace} logs {name_of(pod)} -c {status['name']} --previous",
            (shown_state(pod, status, state),),
        )
    return None


RULE = Rule(
    "LS20", "container", "the server stays",
    "The server ends with 1 where the model cannot be served, 2 for a mistake in its "
    "settings, 3 when its device is lost.",
    "A container that is not ready and whose state or last state is terminated.",
    "The last words of the server are in the cause; its log has the rest.",
    check,
)  # fmt: skip
