"""The conditions of a resource, from what was decided and what its Deployment says.

`Reconciling` and `Stalled` are those of kstatus: while the first is True the resource is in
progress, while the second is True it has failed until somebody changes something.
https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from longshore_k8s.api import Json
from longshore_k8s.controller.live import Pods

NOTHING = ("", "")
"""In place of a reason and a sentence."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What keeps a resource from being as its spec says: nothing, if all are empty."""

    stalled: tuple[str, str] = NOTHING
    """A reason and a sentence: nothing more happens until somebody changes something."""
    waiting: tuple[str, str] = NOTHING
    """A reason and a sentence: it goes on by itself."""
    lacking: tuple[str, ...] = ()
    """Kinds that the chart rendered and the cluster does not have."""
    rolling: tuple[str, str] = NOTHING
    """A reason and a sentence: a candidate is on its way."""
    is_unserved: bool = False
    """Whether nothing is sent to the pods before they have proved themselves."""


Condition = tuple[str, bool, str, str]
"""Type, whether it is True, reason and message."""


def conditions(
    verdict: Verdict, pods: Pods | None, *, before: Iterable[Json], generation: int, now: str
) -> list[Json]:
    """As the status holds them; the time of a transition is kept while a status stays."""
    found = [_ready(verdict, pods), _progressing(verdict, pods), _degraded(verdict, pods)]
    stalled = _stalled(verdict, pods)
    found += [_reconciling(verdict, stalled, found[1]), stalled]
    earlier = {entry["type"]: entry for entry in before}
    return [_document(one, earlier.get(one[0], {}), generation, now) for one in found]


def _ready(verdict: Verdict, pods: Pods | None) -> Condition:
    if pods is None:
        return "Ready", False, "NotInstalled", "There is no Deployment."
    if verdict.is_unserved:
        return "Ready", False, "Unproven", "Nothing is sent to it before it has proved itself."
    if pods.wanted == 0 and pods.ready == 0:
        return "Ready", False, "ScaledToZero", "No pod is wanted."
    text = f"{pods.ready} of {pods.wanted} pods are ready."
    return ("Ready", True, "Serving", text) if pods.ready else ("Ready", False, "NoPodReady", text)


def _progressing(verdict: Verdict, pods: Pods | None) -> Condition:
    if verdict.rolling[0]:
        return "Progressing", True, *verdict.rolling
    if pods is None or pods.late:
        return "Progressing", False, "Waiting", "Nothing is rolled out."
    if not pods.is_seen:
        return "Progressing", True, "RollingOut", "The Deployment has a new specification."
    if pods.updated < pods.wanted or pods.total > pods.updated:
        text = f"{pods.updated} of {pods.wanted} pods are of the newest specification."
        return "Progressing", True, "RollingOut", text
    if pods.ready < pods.wanted:
        text = f"{pods.ready} of {pods.wanted} pods are ready."
        return "Progressing", True, "AwaitingPods", text
    return "Progressing", False, "RolledOut", "All pods are of the newest specification."


def _degraded(verdict: Verdict, pods: Pods | None) -> Condition:
    if pods is not None and pods.late:
        return "Degraded", True, "DeadlineExceeded", pods.late
    if pods is not None and pods.refused:
        return "Degraded", True, "PodsRefused", pods.refused
    if verdict.lacking:
        return "Degraded", True, "KindMissing", _lacking(verdict)
    return "Degraded", False, "Complete", "Nothing is lacking."


def _stalled(verdict: Verdict, pods: Pods | None) -> Condition:
    reason, sentence = verdict.stalled
    if reason:
        return "Stalled", True, reason, sentence
    is_waited_for = bool(verdict.rolling[0])  # until the deadline of the rollout
    if pods is not None and pods.late and not is_waited_for:
        return "Stalled", True, "DeadlineExceeded", pods.late
    return "Stalled", False, "Reconciled", "Nothing is in the way."


def _reconciling(verdict: Verdict, stalled: Condition, progressing: Condition) -> Condition:
    reason, sentence = verdict.waiting
    if reason:
        return "Reconciling", True, reason, sentence
    if progressing[1] and not stalled[1]:
        return "Reconciling", True, *progressing[2:]
    return "Reconciling", False, "Reconciled", "Nothing is left to do."


def _lacking(verdict: Verdict) -> str:
    return f"The cluster has no {' and no '.join(verdict.lacking)}; the object is left out."


def _document(condition: Condition, earlier: Json, generation: int, now: str) -> Json:
    kind, is_true, reason, message = condition
    status = "True" if is_true else "False"
    is_same = earlier.get("status") == status
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": earlier["lastTransitionTime"] if is_same else now,
    }
