"""What to do for one resource: a pure function of what was observed.

An object is applied again when the chart renders it otherwise, when it is gone, or when the set of
fields that are the controller's is not what it was. The API server takes a field from its manager
when somebody else gives it another value, so that set shows every edit, of labels as of a
ConfigMap's data, and none of the defaults and rewritten quantities that comparing values shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from longshore_k8s.controller import kinds, traffic
from longshore_k8s.controller.conditions import NOTHING, Verdict
from longshore_k8s.controller.decision import (
    Apply,
    Decision,
    Delete,
    Event,
    HandOverReplicas,
    Observed,
    StripHelm,
    Write,
)
from longshore_k8s.controller.life import Life
from longshore_k8s.controller.live import LiveObject
from longshore_k8s.controller.plan import canary_name
from longshore_k8s.controller.resource import Record, Resource
from longshore_k8s.controller.stages import progressed
from longshore_k8s.controller.status import AWAITING_UPGRADE, PAUSED, settled
from longshore_k8s.controller.wanted import Refusal, WantedObject

DRIFT_RESTORED = "DriftRestored"
"""The reason of the event that tells of it."""


def decide(observed: Observed) -> Decision:
    """The writes that are due, or the status that holds. A candidate that comes into another stage
    does so in the status first: what that stage asks for is not yet among `wanted`.
    """
    verdict, due = _work(observed)
    if observed.held and verdict.stalled == NOTHING:
        verdict = replace(verdict, waiting=(AWAITING_UPGRADE, observed.held))
        due = tuple(write for write in due if _is_restoration(observed, write))
    is_free = verdict.stalled == verdict.waiting == NOTHING
    life = progressed(observed, is_applied=is_free and not due)
    has_moved = life.place != Life.of(observed.resource).place
    if observed.resource.is_guarded and has_moved:
        return settled(observed, verdict, life, is_moving=True, is_written=not due)
    if due and not observed.resource.is_paused:
        return Decision(due, tuple(_told(observed, due)), {})
    if due:
        names = ", ".join(sorted({str(write) for write in due}))
        verdict = replace(verdict, waiting=(PAUSED, f"Left unwritten: {names}."))
    elif is_free and (sentence := traffic.undrained(observed)):
        verdict = replace(verdict, waiting=(traffic.AWAITING, sentence))
    return settled(observed, verdict, life)


def _work(observed: Observed) -> tuple[Verdict, tuple[Write, ...]]:
    """What is in the way or lacking, and the writes that are due."""
    wanted = observed.wanted
    if isinstance(wanted, Refusal):
        return Verdict(stalled=(wanted.reason, wanted.sentence)), ()
    present = tuple(item for item in wanted if item.kind.name in observed.served)
    absent = (item.kind for item in wanted if item.kind.name not in observed.served)
    lacking = tuple(dict.fromkeys(f"{kind.name} of {kind.api_version}" for kind in absent))
    if verdict := _in_the_way(observed, present):
        return verdict, ()
    return Verdict(lacking=lacking), tuple(_due(observed, present))


def _in_the_way(observed: Observed, present: tuple[WantedObject, ...]) -> Verdict | None:
    """Why nothing can be written now: all or nothing, so that no half of a release is changed."""
    if observed.refused:
        said = "; ".join(f"{kind} {name}: {why}" for (kind, name), why in observed.refused.items())
        return Verdict(stalled=("ApplyRefused", said))
    names: dict[str, list[str]] = {"going": [], "foreign": []}
    for item in present:
        live = observed.live.get(item.key)
        if live is not None and (hindrance := _hindrance(live, observed.resource)):
            names[hindrance].append(f"{item.kind.name} {item.name}")
    if names["foreign"]:
        return Verdict(stalled=("NotOurs", _not_ours(names["foreign"], observed.resource)))
    if names["going"]:
        return Verdict(waiting=("AwaitingRemoval", f"Being deleted: {', '.join(names['going'])}."))
    return None


def _hindrance(live: LiveObject, resource: Resource) -> str:
    if live.is_of(resource):
        return "going" if live.is_deleting else ""
    if live.is_going(resource):
        return "going"
    return "" if resource.adopts_release and live.is_of_release(resource) else "foreign"


def _not_ours(names: list[str], resource: Resource) -> str:
    return (
        f"{', '.join(names)}: there is one of this name that is not this resource's. Delete it, or "
        f"give the resource another name, or, where it is of the Helm release {resource.name}, set "
        "spec.adoptRelease."
    )


def _due(observed: Observed, present: tuple[WantedObject, ...]) -> Iterator[Write]:
    """Applications in the order of kinds, then deletions in the opposite one."""
    for item in present:
        live = observed.live.get(item.key)
        if _is_due(observed, item, live):
            if live is not None and _loses_replicas(live, item):
                yield HandOverReplicas(item.name, live.pods.wanted if live.pods else 1)
            yield Apply(item, forces=live is not None)
        elif live is not None and live.is_managed_by_helm and observed.resource.adopts_release:
            yield StripHelm(item.kind, item.name)
    yield from _left_over(observed, {item.key for item in present})


def _left_over(observed: Observed, present: set[tuple[str, str]]) -> Iterator[Delete]:
    """What is the resource's and no longer rendered; claims are never deleted, and a canary not
    while a Gateway may still send it requests."""
    kept = canary_name(observed.resource) if traffic.undrained(observed) else ""
    for kind in reversed(kinds.OWNED):
        for key, live in sorted(observed.live.items()):
            is_own = live.is_of(observed.resource) and not live.is_deleting
            is_over = key not in present and key[1] != kept
            if key[0] == kind.name and kind is not kinds.CLAIM and is_over and is_own:
                yield Delete(kind, key[1], live.uid)


def _is_due(observed: Observed, item: WantedObject, live: LiveObject | None) -> bool:
    if live is None or not live.is_of(observed.resource):
        return True
    return observed.record(item.key) != Record(item.digest, live.fields)


def _loses_replicas(live: LiveObject, item: WantedObject) -> bool:
    """Whether the API server would set the count to 1: its only owner no longer states it."""
    return live.owns_replicas and "replicas" not in item.document.get("spec", {})


def _is_restoration(observed: Observed, write: Write) -> bool:
    """Whether it only puts back what was applied before."""
    if not isinstance(write, Apply):
        return False
    record = observed.resource.inventory.get(write.object.key)
    return record is not None and record.digest == write.object.digest


def _told(observed: Observed, due: tuple[Write, ...]) -> Iterator[Event]:
    """At most one event for each of: applied, restored, deleted."""
    applied: list[str] = []
    restored: list[str] = []
    deleted: list[str] = []
    for write in due:
        if isinstance(write, Delete):
            deleted.append(str(write))
        elif isinstance(write, Apply):
            (restored if _is_restoration(observed, write) else applied).append(str(write))
    if applied:
        yield Event("Applied", f"Applied {', '.join(applied)}.")
    if restored:
        yield Event(DRIFT_RESTORED, f"Changed by others and restored: {', '.join(restored)}.")
    if deleted:
        yield Event("Pruned", f"Deleted, as no longer rendered: {', '.join(deleted)}.")
