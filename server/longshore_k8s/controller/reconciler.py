"""One turn for one resource: observe, decide, write, until no write is left; then the status.

A turn may end anywhere: the next one observes what is there and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import cache

from longshore_k8s.api import Json
from longshore_k8s.controller import kinds
from longshore_k8s.controller.connection import ApiRefused, Connection
from longshore_k8s.controller.decide import DRIFT_RESTORED, decide
from longshore_k8s.controller.decision import (
    Apply,
    Event,
    Findings,
    ObjectKey,
    Observed,
    Write,
)
from longshore_k8s.controller.drift_pace import DriftPace
from longshore_k8s.controller.events import EventSink
from longshore_k8s.controller.facts import ClusterFacts, with_facts
from longshore_k8s.controller.judging.rollout import LOOK_SECONDS
from longshore_k8s.controller.live import LiveObject
from longshore_k8s.controller.metrics import ControllerMetrics
from longshore_k8s.controller.plan import Plan, Stage, plan_of, stage_of
from longshore_k8s.controller.release_objects import Render, asked_pods, objects_of
from longshore_k8s.controller.renderer import Renderer
from longshore_k8s.controller.resource import Key, Record, Resource
from longshore_k8s.controller.rollout_figures import ended
from longshore_k8s.controller.store import ObjectStore, ResourceStore
from longshore_k8s.controller.survey import Surveyor
from longshore_k8s.controller.upgrades import Upgrades, gives_other_pods
from longshore_k8s.controller.wanted import Refusal, WantedObject, remembered, wanted_objects
from longshore_k8s.controller.writes import Writer

_ROUNDS = 4
"""Of deciding and writing in one turn: one to write, one for what follows from it, and to spare."""
_FINAL = frozenset({400, 403, 422})
"""Refusals that trying again at once does not change."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn leaves to do."""

    requeue_seconds: float | None = None
    """When to look again though nothing is reported; `None`: not at all."""
    hold_seconds: float = 0.0
    """How long to look away, whatever is reported."""


@dataclass(slots=True)
class Reconciler:
    """Makes the cluster as the resources say, one at a time for each."""

    connection: Connection
    resources: ResourceStore
    objects: ObjectStore
    renderer: Renderer
    facts: ClusterFacts
    surveyor: Surveyor
    events: EventSink
    metrics: ControllerMetrics
    drift_pace: DriftPace
    upgrades: Upgrades
    now: Callable[[], str]

    def reconcile(self, key: Key) -> Turn:
        """One turn.

        Raises:
            ApiRefused, ClusterUnreachable, RendererFailed: try again later.
        """
        resource = self.resources.get(key)
        if resource is None or resource.is_deleting:
            self.drift_pace.forget(key)
            return Turn()
        complete = self._completed_by_facts(resource)
        plan = plan_of(resource, self.objects.of(key), self.facts.served)
        source = self._source_of(resource, plan, complete)
        asked = asked_pods(resource, self._render(resource, complete))
        findings = self.surveyor.findings(resource, Findings(*asked))
        wanted = remembered(resource, source)
        observed = self._observe(
            resource, wanted or self._rendered(resource, plan, complete), source, findings
        )
        if wanted and decide(observed).writes:
            rendered = self._rendered(resource, plan, complete)
            observed = self._observe(resource, rendered, source, findings)
        if gives_other_pods(observed) and not resource.is_paused:
            observed = replace(observed, held=self.upgrades.held(resource, observed.made_by))
        return self._carry_out(observed)

    def tell_fault(self, key: Key, error: Exception) -> None:
        """An event at the resource: its turn failed by a fault of this code."""
        if resource := self.resources.get(key):
            text = f"The controller cannot go on with it: {type(error).__name__}: {error}"
            self.events.tell(resource, Event("ControllerFault", text, is_warning=True), self.now())

    def _completed_by_facts(self, resource: Resource) -> Callable[[Json], Json]:
        """What completes values with the answers of the cluster; each is asked once in a turn."""
        access_modes = cache(self._access_modes(resource))
        return lambda values: with_facts(values, self.facts, access_modes)

    def _source_of(self, resource: Resource, plan: Plan, complete: Callable[[Json], Json]) -> str:
        """A digest of all that the objects of `plan` follow from."""
        values = [
            complete(aim.chart_values) if aim else None
            for aim in (plan.stable, plan.canary, plan.verified)
        ]
        objective = resource.rollout_spec.objective
        job = [resource.aim_hash, objective.deadline_seconds] if plan.verified else []
        return self.renderer.source_of([asdict(plan), values, job])

    def _render(self, resource: Resource, complete: Callable[[Json], Json]) -> Render:
        return lambda values: self.renderer.render(resource.key, complete(values))

    def _carry_out(self, observed: Observed) -> Turn:
        """Decide and write until nothing is left; then the status."""
        resource, hold_seconds = observed.resource, 0.0
        for _ in range(_ROUNDS):
            decision = decide(observed)
            if not decision.writes:
                break
            observed = self._write(observed, decision.writes)
            if observed.refused:
                continue
            self._tell(observed, decision.events)
            if any(event.reason == DRIFT_RESTORED for event in decision.events):
                hold_seconds = self.drift_pace.restored(resource.key)
        else:
            raise RuntimeError(f"{resource.key}: writes did not come to an end")
        if decision.status != resource.status:
            self._write_status(resource, decision.status)
            for outcome in ended(resource.status, decision.status):
                self.metrics.rollouts_ended.labels(outcome=outcome).inc()
            self._tell(observed, decision.events)
        if stage_of(resource) is Stage.STEP and decision.requeue_seconds:
            # What pods count changes the status with each look, and that would be the next one.
            hold_seconds = max(hold_seconds, LOOK_SECONDS)
        return Turn(decision.requeue_seconds, hold_seconds)

    def _observe(
        self,
        resource: Resource,
        wanted: tuple[WantedObject, ...] | Refusal,
        source: str,
        findings: Findings,
    ) -> Observed:
        live = self.objects.of(resource.key)
        if not isinstance(wanted, Refusal):
            for item in wanted:
                is_unknown = item.key not in live and item.kind.name in self.facts.served
                if is_unknown and (found := self._look_up(resource, item)):
                    live[item.key] = found
        return Observed(
            resource=resource,
            wanted=wanted,
            live=live,
            served=self.facts.served,
            chart_version=self.renderer.chart_version,
            source=source,
            now=self.now(),
            findings=findings,
            made_by=self.renderer.source_of([self.facts.kube_version, sorted(self.facts.served)]),
        )

    def _rendered(
        self, resource: Resource, plan: Plan, complete: Callable[[Json], Json]
    ) -> tuple[WantedObject, ...] | Refusal:
        try:
            objects = objects_of(plan, resource, self._render(resource, complete))
            return wanted_objects(objects, resource)
        except Refusal as refusal:
            return refusal

    def _access_modes(self, resource: Resource) -> Callable[[str], list[str]]:
        def read(claim: str) -> list[str]:
            found = self._get(kinds.CLAIM.path(resource.namespace, claim))
            return list(found["spec"].get("accessModes") or ()) if found else []

        return read

    def _look_up(self, resource: Resource, item: WantedObject) -> LiveObject | None:
        """An object without the label: somebody else's, or one that lost it."""
        found = self._get(item.kind.path(resource.namespace, item.name))
        return LiveObject.read(found) if found else None

    def _get(self, path: str) -> Json | None:
        try:
            return self.connection.send("GET", path)
        except ApiRefused as error:
            if error.status == 404:
                return None
            raise

    def _write(self, observed: Observed, writes: tuple[Write, ...]) -> Observed:
        """`observed` with what came of `writes`; it ends at the first that is refused for good."""
        live, applied = dict(observed.live), dict(observed.applied)
        writer = Writer(self.connection, observed.resource.namespace)
        for write in writes:
            try:
                document = writer.write(write)
            except ApiRefused as error:
                if error.status not in _FINAL:
                    raise
                refused = {_key(write): error.sentence.partition("\n")[0]}
                return replace(observed, live=live, applied=applied, refused=refused)
            self.metrics.writes.labels(verb=type(write).__name__).inc()
            self._take(write, document, live, applied)
        return replace(observed, live=live, applied=applied)

    def _take(
        self,
        write: Write,
        document: Json | None,
        live: dict[ObjectKey, LiveObject],
        applied: dict[ObjectKey, Record],
    ) -> None:
        key = _key(write)
        if document is None:
            live.pop(key, None)
            return
        live[key] = LiveObject.read(document)
        if live[key].model:  # one that lost its label gets it back by the next write
            self.objects.put(key[0], document)
        if isinstance(write, Apply):
            applied[key] = Record(write.object.digest, live[key].fields)

    def _write_status(self, resource: Resource, status: Json) -> None:
        path = kinds.MODEL.path(resource.namespace, resource.name) + "/status"
        body = {**resource.document, "status": status}
        self.resources.put(self.connection.send("PUT", path, body, fieldManager="longshore-status"))

    def _tell(self, observed: Observed, events: Iterable[Event]) -> None:
        for event in events:
            self.events.tell(observed.resource, event, observed.now)


def _key(write: Write) -> ObjectKey:
    if isinstance(write, Apply):
        return write.object.key
    kind = getattr(write, "kind", kinds.DEPLOYMENT)
    return kind.name, write.name
