"""A cluster with one model whose versions come and go: pods, jobs and requests, on a clock of its
own. Everything between what was observed and what is written is the controller's own code.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from longshore_k8s.controller import kinds
from longshore_k8s.controller.aim import digest_of
from longshore_k8s.controller.decide import decide
from longshore_k8s.controller.decision import (
    Apply,
    Decision,
    Delete,
    Event,
    Findings,
    ObjectKey,
    Observed,
)
from longshore_k8s.controller.judging.look import Counts, Look, PodLook
from longshore_k8s.controller.live import LiveObject, Pods
from longshore_k8s.controller.plan import Stage, plan_of, stage_of
from longshore_k8s.controller.release_objects import asked_pods, objects_of
from longshore_k8s.controller.resource import Record, Resource
from longshore_k8s.controller.upgrades import gives_other_pods
from longshore_k8s.controller.validation import PodAnswers, Probe
from longshore_k8s.controller.verify_job import job_name
from longshore_k8s.controller.wanted import Refusal, remembered, wanted_objects
from tests.controller.world import EVERY_KIND, NAME, NAMESPACE, UID, resource_of

STABLE, CANARY = f"{NAME}-longshore", f"{NAME}-canary"
LOOK_SECONDS = 5.0
SIGNATURE = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}], "outputs": []}
OTHER = {"inputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 4]}], "outputs": []}
NARROW = {
    "app.kubernetes.io/name": "longshore",
    "app.kubernetes.io/instance": NAME,
    "app.kubernetes.io/component": "server",
}
"""The selector of a Service that sends requests to stable alone."""
ENOUGH = 40
"""Ticks within which every rollout here has ended."""


@dataclass(frozen=True)
class Version:
    """How one behaves."""

    is_whole: bool = True
    """Whether the Job that looks at it succeeds."""
    starts: bool = True
    metadata: dict[str, Any] = field(default_factory=lambda: SIGNATURE)
    bad_ratio: float = 0.0
    capacity: float | None = 100.0
    """Rows a second of a pod."""


class Died(Exception):
    """The process was killed right after a write."""


@dataclass
class LifeWorld:
    """`spec` may be changed at any time; `tick` lets 5 seconds go by."""

    spec: dict[str, Any]
    versions: dict[int, Version] = field(default_factory=dict)
    rate: float = 200.0
    """Requests a second, to all pods together."""
    status: dict[str, Any] = field(default_factory=dict)
    generation: int = 1
    chart: str = "0.1.0"
    held: str = ""
    """Why another chart's pods have to wait."""
    served_kinds: frozenset[str] = EVERY_KIND
    documents: dict[ObjectKey, dict[str, Any]] = field(default_factory=dict)
    live: dict[ObjectKey, LiveObject] = field(default_factory=dict)
    counts: dict[str, Counts] = field(default_factory=dict)
    now: datetime = datetime(2026, 11, 29, tzinfo=UTC)
    written: int = 0
    dies_after: int | None = None
    events: list[Event] = field(default_factory=list)
    served: dict[int, int] = field(default_factory=dict)
    """Requests by the version that they went to."""

    @property
    def resource(self) -> Resource:
        return resource_of(self.spec, self.status, self.generation)

    def change(self, **spec: Any) -> None:
        self.spec = {**self.spec, **spec}
        self.generation += 1

    def tick(self, *, turns: int = 6) -> None:
        """Requests come, pods start, jobs end, and the controller has its turns; a process that
        dies is started again."""
        self.now += timedelta(seconds=LOOK_SECONDS)
        self._send_requests()
        self._let_things_happen()
        for _ in range(turns):
            try:
                decision = self.turn()
            except Died:
                continue
            if decision.requeue_seconds != 0.0:
                break

    def ticks(self, count: int) -> None:
        for _ in range(count):
            self.tick()

    def observed(self) -> Observed:
        resource = self.resource
        plan = plan_of(resource, self.live, self.served_kinds)
        source = digest_of([asdict(plan), self.chart, resource.aim_hash if plan.verified else ""])
        observed = Observed(
            resource, remembered(resource, source), dict(self.live), self.served_kinds, "0.1.0",
            source, self.now.strftime("%Y-%m-%dT%H:%M:%SZ"), self._findings(resource),
            made_by=self.chart,
        )  # fmt: skip
        if observed.wanted and not decide(observed).writes:
            return observed
        try:
            documents = objects_of(plan, resource, self._render)
            observed = replace(observed, wanted=wanted_objects(documents, resource))
        except Refusal as refusal:
            return replace(observed, wanted=refusal)
        return replace(observed, held=self.held) if gives_other_pods(observed) else observed

    def turn(self) -> Decision:
        observed = self.observed()
        while (decision := decide(observed)).writes:
            applied = dict(observed.applied)
            for write in decision.writes:
                self._make(write, applied)
            observed = replace(observed, live=dict(self.live), applied=applied)
        if decision.status != self.status:
            self.status = decision.status
            self.events += decision.events
            self._count_write()
        return decision

    @property
    def view(self) -> dict[str, Any]:
        """The resource as a watch shows it."""
        return {"spec": self.spec, "status": self.status, "generation": self.generation}

    def turn_by_another(self, view: dict[str, Any]) -> None:
        """As a second controller has one that sees the resource as in `view`: what it writes to
        objects is taken, and its status is refused, because it is of an old resource version."""
        replace(self, **view, written=0, dies_after=None, events=[]).turn()

    @property
    def stage(self) -> str:
        return str(self.status.get("rollout", {}).get("stage", ""))

    @property
    def selector(self) -> dict[str, str]:
        return dict(self.documents["Service", STABLE]["spec"]["selector"])

    def pods_with_traffic(self) -> list[tuple[str, int]]:
        """Name and version of each pod that the Service sends requests to."""
        if ("Service", STABLE) not in self.documents:
            return []
        found = []
        for name in (STABLE, CANARY):
            document = self.documents.get(("Deployment", name))
            if document is None:
                continue
            template = document["spec"]["template"]["metadata"]
            pods = self.live["Deployment", name].pods
            if pods and self.selector.items() <= template["labels"].items():
                number = int(template["annotations"]["version"])
                found += [(f"{name}-{number}-{index}", number) for index in range(pods.ready)]
        return found

    def condition(self, kind: str) -> dict[str, Any]:
        (found,) = [entry for entry in self.status["conditions"] if entry["type"] == kind]
        return found

    def _render(self, values: dict[str, Any]) -> list[dict[str, Any]]:
        return render(values, self.chart)

    def _findings(self, resource: Resource) -> Findings:
        stage = stage_of(resource)
        known = Findings(*asked_pods(resource, self._render))
        if stage is Stage.STEADY:
            return known
        if stage is Stage.PROMOTE:
            version = self.versions.get(resource.aim.version or 0, Version())
            return known if version.starts else replace(known, said="CrashLoopBackOff")
        if stage not in (Stage.CANDIDATE, Stage.VALIDATE, Stage.STEP):
            return replace(known, said="digest of model.onnx differs")
        names = (STABLE, CANARY) if resource.stable else (STABLE, STABLE)
        look = Look(*(tuple(self._looks(name)) for name in names))
        served = resource.stable.version if resource.stable else None
        beside = PodAnswers(SIGNATURE, self._capacity(served)) if resource.stable else None
        version = self.versions.get(resource.aim.version or 0, Version())
        probe = Probe(PodAnswers(version.metadata, version.capacity), beside)
        return replace(known, look=look, probe=probe if stage is Stage.VALIDATE else None)

    def _capacity(self, version: int | None) -> float | None:
        return self.versions.get(version or 0, Version()).capacity

    def _looks(self, name: str) -> list[PodLook]:
        document = self.documents.get(("Deployment", name))
        if document is None:
            return []
        number = document["spec"]["template"]["metadata"]["annotations"]["version"]
        pods = self.live["Deployment", name].pods
        names = [f"{name}-{number}-{index}" for index in range(pods.ready if pods else 0)]
        return [PodLook(one, 0, True, self.counts.get(one, Counts())) for one in names]

    def _send_requests(self) -> None:
        pods = self.pods_with_traffic()
        for name, number in pods:
            requests = int(self.rate * LOOK_SECONDS / len(pods))
            bad = int(requests * self.versions.get(number, Version()).bad_ratio)
            self.counts[name] = self.counts.get(name, Counts()).plus(Counts(requests, bad))
            self.served[number] = self.served.get(number, 0) + requests

    def _let_things_happen(self) -> None:
        for key, live in self.live.items():
            document = self.documents[key]
            if key[0] == "Job":
                number = int(str(document["spec"]["template"]["spec"]["containers"][0]["args"][2])
                             .removeprefix("--version="))  # fmt: skip
                is_whole = self.versions.get(number, Version()).is_whole
                job = ("Complete", "") if is_whole else ("Failed", "BackoffLimitExceeded")
                self.live[key] = replace(live, job=job)
            if live.pods:
                number = int(document["spec"]["template"]["metadata"]["annotations"]["version"])
                wanted = live.pods.wanted
                ready = wanted if self.versions.get(number, Version()).starts else 0
                pods = Pods(wanted, wanted, wanted, ready, is_seen=True)
                self.live[key] = replace(live, pods=pods)

    def _count_write(self) -> None:
        self.written += 1
        if self.written == self.dies_after:
            raise Died

    def _make(self, write: object, applied: dict[ObjectKey, Record]) -> None:
        if isinstance(write, Apply):
            wanted = write.object
            before = self.live.get(wanted.key)
            live = _as_applied(wanted.document, before, wanted.digest)
            self.live[wanted.key], self.documents[wanted.key] = live, wanted.document
            applied[wanted.key] = Record(wanted.digest, live.fields)
        elif isinstance(write, Delete):
            del self.live[write.kind.name, write.name]
            del self.documents[write.kind.name, write.name]
        self._count_write()


def spec(version: int | None = 1, **more: Any) -> dict[str, Any]:
    fields = {"values": {"replicas": 4}, "rollout": {"bakeSeconds": 10, "toleratedBadRatio": 0.01}}
    return {**fields, **({"version": version} if version else {}), **more}


def installed(**more: Any) -> LifeWorld:
    """Version 1 has proved itself and serves."""
    world = LifeWorld(spec(**more))
    world.ticks(12)
    assert world.status["servedVersion"] == 1
    assert world.stage == ""
    world.written = 0
    return world


def assert_stable_alone(world: LifeWorld, version: int) -> None:
    """That version serves, and nothing of a candidate is there."""
    assert world.status["servedVersion"] == version
    assert world.stage == ""
    assert world.selector == NARROW
    assert {number for _, number in world.pods_with_traffic()} == {version}
    assert ("Deployment", CANARY) not in world.live
    assert not any(kind == "Job" for kind, _ in world.live)


def render(values: dict[str, Any], chart: str) -> list[dict[str, Any]]:
    """As that version of the chart does, as far as it matters."""
    if values.get("refused"):
        raise Refusal("ValuesRefused", "refused: it is")
    name = values.get("fullnameOverride", STABLE)
    labels = {
        "app.kubernetes.io/name": values.get("nameOverride", "longshore"),
        "app.kubernetes.io/instance": NAME,
        "app.kubernetes.io/component": "server",
    }
    version = str(values.get("model", {}).get("version", 0))
    server = {"name": "server", "image": values.get("image", "i"), "args": [], "volumeMounts": []}
    template = {
        "metadata": {"labels": labels, "annotations": {"version": version, "chart": chart}},
        "spec": {"containers": [server], "serviceAccountName": STABLE, "volumes": []},
    }
    replicas = {"replicas": values["replicas"]} if values.get("replicas") is not None else {}
    deployment = {"selector": {"matchLabels": labels}, "template": template, **replicas}
    service = {"selector": labels, "ports": [{"port": 8000}]}
    found = [
        _object("ConfigMap", name, data={"version": version}),
        _object("Service", name, spec=service),
        _object("Deployment", name, spec=deployment),
    ]
    if values.get("autoscaling", {}).get("mode") == "hpa":
        scaling = {"minReplicas": 2, "maxReplicas": values["autoscaling"].get("maxReplicas", 9)}
        found.append(_object("HorizontalPodAutoscaler", name, spec=scaling))
    return found


def verify_job_key(world: LifeWorld) -> ObjectKey:
    return "Job", job_name(world.resource)


def _object(kind: str, name: str, **body: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE}
    api_version = kinds.BY_NAME[kind].api_version
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def _as_applied(document: dict[str, Any], before: LiveObject | None, digest: str) -> LiveObject:
    pods = None
    if document["kind"] == "Deployment":
        earlier = before.pods if before and before.pods else Pods(1, 0, 0, 0)
        wanted = document["spec"].get("replicas", earlier.wanted)
        pods = replace(earlier, wanted=wanted, is_seen=False)
    return LiveObject(
        uid=before.uid if before else f"uid-of-{document['kind']}-{document['metadata']['name']}",
        version="2", model=NAME, owners=(UID,), model_owner=NAME, fields=digest,
        is_deleting=False, helm_release=("", ""),
        owns_replicas="replicas" in document.get("spec", {}), pods=pods,
        job=before.job if before else ("", ""),
    )  # fmt: skip


def assert_same_end(died: LifeWorld, undisturbed: LifeWorld) -> None:
    """Of a rollout whose controller died, and of the same one that was not disturbed."""
    assert died.documents == undisturbed.documents
    assert died.status["stable"] == undisturbed.status["stable"]
    assert [one["outcome"] for one in died.status["history"]] == [
        one["outcome"] for one in undisturbed.status["history"]
    ]
    assert died.status.get("rejected", {}).keys() == undisturbed.status.get("rejected", {}).keys()
