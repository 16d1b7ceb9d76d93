"""A cluster whose clients come through a Gateway, which divides requests by the weights of the
model's HTTPRoute as it has last taken it, and says so in the route's status.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from longshore_k8s.controller.decision import Apply, Delete, ObjectKey
from longshore_k8s.controller.judging.look import Counts
from longshore_k8s.controller.resource import Record
from longshore_k8s.controller.route_status import RouteStatus
from tests.controller.life_world import (
    CANARY,
    LOOK_SECONDS,
    STABLE,
    LifeWorld,
    Version,
    spec,
)
from tests.controller.world import NAMESPACE

NARROW = "longshore"
"""The `app.kubernetes.io/name` that the Service selects: pods of stable alone."""
ENOUGH = 60
"""Ticks within which every rollout here has ended."""

ROUTE = "HTTPRoute", STABLE
PARENT = {"name": "front"}
VALUES = {"replicas": 4, "httpRoute": {"enabled": True}}


@dataclass
class GatewayWorld(LifeWorld):
    """`lag`: ticks from a write of the route until the Gateway has taken it."""

    lag: int = 1
    is_up: bool = True
    """Whether the Gateway looks at routes; what it has taken goes on without that."""
    refusal: str = ""
    """Why it does not accept the route; then it divides nothing anew."""
    direct_rate: float = 0.0
    """Requests a second to the ClusterIP of the model's own Service."""
    lost: int = 0
    """Requests that the Gateway sent to a Service without a pod."""
    taken: dict[str, int] = field(default_factory=dict)
    """Weights by Service, as requests are divided now."""
    parents: list[dict[str, Any]] = field(default_factory=list)
    """Of the route's status."""
    route_generation: int = 0
    written_ticks_ago: int = 0

    @property
    def weights(self) -> dict[str, int]:
        """By Service, as the route asks for."""
        (rule,) = self.documents[ROUTE]["spec"]["rules"]
        return {one["name"]: one["weight"] for one in rule["backendRefs"]}

    def asked_share(self) -> float:
        weights = self.weights
        return weights.get(CANARY, 0) / sum(weights.values())

    def pods_of(self, service: str) -> list[tuple[str, int]]:
        """Name and version of each ready pod that a Service finds."""
        document = self.documents.get(("Service", service))
        if document is None:
            return []
        found = []
        for name in (STABLE, CANARY):
            deployment = self.documents.get(("Deployment", name))
            pods = self.live["Deployment", name].pods if deployment else None
            if deployment is None or pods is None:
                continue
            template = deployment["spec"]["template"]["metadata"]
            if document["spec"]["selector"].items() <= template["labels"].items():
                number = int(template["annotations"]["version"])
                found += [(f"{name}-{number}-{index}", number) for index in range(pods.ready)]
        return found

    def _render(self, values: dict[str, Any]) -> list[dict[str, Any]]:
        found = super()._render(values)
        if values.get("httpRoute", {}).get("enabled"):
            name = values.get("fullnameOverride", STABLE)
            backend = {"group": "", "kind": "Service", "name": name, "port": 8000, "weight": 1}
            found.append({
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "HTTPRoute",
                "metadata": {"name": name, "namespace": NAMESPACE},
                "spec": {"parentRefs": [PARENT], "rules": [{"backendRefs": [backend]}]},
            })  # fmt: skip
        return found

    def _send_requests(self) -> None:
        self._send(STABLE, self.direct_rate)
        total = sum(self.taken.values())
        for service, weight in self.taken.items():
            self._send(service, self.rate * weight / total)

    def _send(self, service: str, rate: float) -> None:
        pods, requests = self.pods_of(service), int(rate * LOOK_SECONDS)
        if not pods:
            self.lost += requests
        for name, number in pods:
            share = requests // len(pods)
            bad = int(share * self.versions.get(number, Version()).bad_ratio)
            self.counts[name] = self.counts.get(name, Counts()).plus(Counts(share, bad))
            self.served[number] = self.served.get(number, 0) + share

    def _let_things_happen(self) -> None:
        super()._let_things_happen()
        self.written_ticks_ago += 1
        if ROUTE not in self.documents:
            self.taken, self.parents = {}, []
        elif self.is_up and self.written_ticks_ago >= self.lag:
            if not self.refusal:
                self.taken = {name: weight for name, weight in self.weights.items() if weight}
            said = {"observedGeneration": self.route_generation, "reason": self.refusal}
            statuses = {"Accepted": str(not self.refusal), "ResolvedRefs": "True"}
            conditions = [{"type": kind, "status": one, **said} for kind, one in statuses.items()]
            self.parents = [{"parentRef": PARENT, "conditions": conditions}]
            self._show_route()

    def _make(self, write: object, applied: dict[ObjectKey, Record]) -> None:
        is_route = isinstance(write, Apply) and write.object.key == ROUTE
        before = self.documents.get(ROUTE)
        try:
            super()._make(write, applied)
        finally:
            if isinstance(write, Delete) and (write.kind.name, write.name) == ROUTE:
                self.taken, self.parents = {}, []
            elif is_route and self.documents[ROUTE] != before:
                self.route_generation += 1
                self.written_ticks_ago = 0
            if ROUTE in self.documents:
                self._show_route()

    def _show_route(self) -> None:
        document = self.documents[ROUTE]
        metadata = {**document["metadata"], "generation": self.route_generation}
        whole = {**document, "metadata": metadata, "status": {"parents": self.parents}}
        self.live[ROUTE] = replace(self.live[ROUTE], route=RouteStatus.read(whole))


def installed(**more: Any) -> GatewayWorld:
    """Version 1 has proved itself, and serves through the Gateway."""
    world = GatewayWorld(spec(**{"values": VALUES, **more}))
    world.ticks(14)
    assert world.status["servedVersion"] == 1
    assert world.stage == ""
    assert world.taken == {STABLE: 1}
    world.written = world.lost = 0
    return world


def assert_stable_alone(world: GatewayWorld, version: int) -> None:
    assert world.status["servedVersion"] == version
    assert world.stage == ""
    assert world.weights == {STABLE: 1}
    assert world.taken == {STABLE: 1}
    assert {number for _, number in world.pods_of(STABLE)} == {version}
    assert not any(name == CANARY for _, name in world.live)
