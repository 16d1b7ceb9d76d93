"""The status of a resource once no write is left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from longshore_k8s.api import Json
from longshore_k8s.controller import kinds
from longshore_k8s.controller.conditions import NOTHING, Verdict, conditions
from longshore_k8s.controller.decision import Decision, Event, Observed
from longshore_k8s.controller.judging.rollout import LOOK_SECONDS
from longshore_k8s.controller.judging.verdict import Action
from longshore_k8s.controller.life import Life
from longshore_k8s.controller.plan import Stage, canary_name
from longshore_k8s.controller.resource import Resource
from longshore_k8s.controller.stages import shown, stable_pods
from longshore_k8s.controller.wanted import Refusal, WantedObject

RETRY_SECONDS = 60.0
"""After which the same is tried again where no watch tells that it would go now."""
_GOING_SECONDS = 1.0
PAUSED, AWAITING_UPGRADE = "Paused", "AwaitingUpgrade"
"""Reasons of a model that waits: for a person, and for its turn to get another chart's pods."""
_UNHAPPY = ("Stalled", "Reconciling", "Degraded")


def settled(
    observed: Observed,
    verdict: Verdict,
    life: Life,
    *,
    is_moving: bool = False,
    is_written: bool = True,
) -> Decision:
    """The status by `verdict` and `life`, what of it is news, and when to look again; `is_moving`:
    at once, because more is to be made now. The inventory is remembered as what was rendered only
    where it `is_written`."""
    before, pods = observed.resource.status, stable_pods(observed)
    life = replace(life, rollout=shown(observed, life))
    held = conditions(
        _with_life(verdict, observed, life),
        pods,
        before=before.get("conditions") or (),
        generation=observed.resource.generation,
        now=observed.now,
    )
    status = {
        "observedGeneration": observed.resource.generation,
        "conditions": held,
        **_summary(held),
        "replicas": pods.total if pods else 0,
        "chartVersion": before.get("chartVersion", "") if observed.held else observed.chart_version,
        "inventory": list(_inventory(observed)),
        **_addresses(observed),
        **life.to_status(observed.resource),
    }
    if verdict == Verdict() and is_written:
        status["renderedFrom"] = observed.source
    is_in_traffic = bool(life.rollout.get("share"))
    events = (*life.news, *_news(before.get("conditions") or (), held, is_in_traffic=is_in_traffic))
    return Decision((), events, status, 0.0 if is_moving else _requeue_seconds(verdict, life))


def _with_life(verdict: Verdict, observed: Observed, life: Life) -> Verdict:
    """`verdict` with what is to be said of a candidate."""
    rollout, aimed = life.rollout, observed.findings.aimed
    if observed.resource.is_paused and (left := _left_as_it_is(observed.resource, life)):
        verdict = replace(verdict, waiting=(PAUSED, f"{left} {verdict.waiting[1]}".rstrip()))
    if rollout:
        reason = PAUSED if observed.resource.is_paused else rollout["reason"]
        text = f"{_place(life)}: {rollout['message']}"
        # Of the stage that this turn began in: what sends requests is made by the next one.
        is_unserved = observed.resource.stable is None
        return replace(verdict, rolling=(reason, text), is_unserved=is_unserved)
    if verdict.stalled != NOTHING:
        return verdict
    if isinstance(aimed, Refusal):
        return replace(verdict, stalled=(aimed.reason, aimed.sentence))
    if life.rejected:
        said = life.rejected
        text = f"Version {said['version']}, until the spec changes: {said['reason']}: "
        return replace(verdict, stalled=("Rejected", text + said["message"]))
    return verdict


def _left_as_it_is(resource: Resource, life: Life) -> str:
    """What a pause keeps from going on; nothing where the spec is fulfilled or rejected."""
    rollout = life.rollout
    if rollout:
        text = f"{_place(life)}: it stays as it is"
        if rollout["share"]:
            text += f", with {rollout['share']:g} % of the requests, and is not taken back"
        would = rollout.get("verdict") == Action.ROLL_BACK
        return f"{text}. It would be: {rollout['message']}" if would else f"{text}."
    is_decided = life.aim == resource.aim or life.rejected.get("hash") == resource.aim_hash
    return "" if is_decided or not resource.is_guarded else "What the spec asks for is not begun."


def _place(life: Life) -> str:
    """Which version is where."""
    rollout = life.rollout
    step = f" {rollout['step']} of {rollout['steps']}" if life.stage is Stage.STEP else ""
    return f"Version {rollout['version']}, {rollout['stage']}{step}"


def _summary(held: list[Json]) -> Json:
    """The word and the sentence of a table: why it is not as it should be, else how it is."""
    by_type = {entry["type"]: entry for entry in held}
    true = [by_type[kind] for kind in _UNHAPPY if by_type[kind]["status"] == "True"]
    shown = [*true, by_type["Ready"]][0]
    return {"reason": shown["reason"], "message": shown["message"]}


def _inventory(observed: Observed) -> Iterator[Json]:
    """What is there and was applied; what a refusal keeps from being rendered stays listed."""
    order = {kind.name: place for place, kind in enumerate(kinds.OWNED)}
    for kind, name in sorted(observed.live, key=lambda key: (order[key[0]], key[1])):
        record = observed.record((kind, name))
        if record is not None and observed.live[kind, name].is_of(observed.resource):
            yield {"kind": kind, "name": name, "digest": record.digest, "fields": record.fields}


def _addresses(observed: Observed) -> Json:
    """Where the model is reached and how its pods are selected, as last rendered."""
    if isinstance(observed.wanted, Refusal) or not all(one.document for one in observed.wanted):
        kept = observed.resource.status
        return {key: kept[key] for key in ("url", "selector") if key in kept}
    found: Json = {}
    for item in observed.wanted:
        if item.kind is kinds.DEPLOYMENT and item.name != canary_name(observed.resource):
            labels = item.document["spec"]["selector"]["matchLabels"]
            found["selector"] = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        is_front = item.kind is kinds.SERVICE and item.name != canary_name(observed.resource)
        if is_front and item.document["spec"].get("clusterIP") != "None":
            found["url"] = _url(item, observed)
    return found


def _url(service: WantedObject, observed: Observed) -> str:
    (port, *_) = service.document["spec"]["ports"]
    values = observed.resource.values
    has_tls = (values.get("tls") or {}).get("existingSecret") or (values.get("config") or {}).get(
        "tls_cert_file"
    )
    scheme = "https" if has_tls else "http"
    return f"{scheme}://{service.name}.{observed.resource.namespace}.svc:{port['port']}"


def _news(
    before: list[Json] | tuple[()], held: list[Json], *, is_in_traffic: bool
) -> Iterator[Event]:
    """An event where a condition turned, or gives another reason for being as it should not be;
    `is_in_traffic`: a candidate has requests."""
    earlier = {entry["type"]: (entry["status"], entry["reason"]) for entry in before}
    for entry in held:
        status, kind = entry["status"], entry["type"]
        was = earlier.get(kind, ("False", entry["reason"]))
        if (status, entry["reason"]) == was:
            continue
        if kind == "Reconciling" and entry["reason"] == PAUSED:
            yield Event(PAUSED, entry["message"], is_warning=is_in_traffic)
        elif status == "True" and kind in ("Stalled", "Degraded"):
            yield Event(entry["reason"], entry["message"], is_warning=True)
        elif kind == "Ready" and status != was[0]:
            yield Event(entry["reason"], entry["message"], is_warning=status == "False")


def _requeue_seconds(verdict: Verdict, life: Life) -> float | None:
    if life.rollout:
        return LOOK_SECONDS
    if verdict.waiting[0] == "AwaitingRemoval":
        return _GOING_SECONDS
    is_tried_again = verdict.stalled[0] or verdict.lacking or verdict.waiting[0] == AWAITING_UPGRADE
    return RETRY_SECONDS if is_tried_again else None
