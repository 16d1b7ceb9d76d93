"""HTTPRoutes of one namespace: taken when all that they name is there, and told so afterwards.

Of a route it knows the backends that are Services, their weights, and matches by the prefix of a
path; it does not accept routes with anything else.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from dataclasses import dataclass
from typing import Any

from tests.cluster.cluster_services.services import Backend, Services
from tests.cluster.node_agent.api import Api, ApiError, Json
from tests.cluster.node_agent.clock import now

logger = logging.getLogger(__name__)

ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/httproutes"
CONTROLLER = "longshore.test/gateway"
POLL_SECONDS = 0.05
KNOWN = {"backendRefs", "matches"}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that holds."""

    prefix: str
    weights: tuple[tuple[str, int, int], ...]
    """Name, port and weight of each Service."""


class Routes:
    """What was taken is a new list each time, so that a request sees one state of it."""

    def __init__(self, api: Api, services: Services, name: str, namespace: str) -> None:
        self._api, self._services = api, services
        self._name, self._namespace = name, namespace
        self._routes: dict[str, Json] = {}
        self._taken: dict[str, list[Rule]] = {}
        self._told: dict[str, Any] = {}

    def follow(self, stopped: threading.Event) -> None:
        """Start to follow the API, in threads of its own."""
        path = ROUTES.format(namespace=self._namespace)
        arguments = (path, self._handle, stopped)
        threading.Thread(target=self._api.follow, args=arguments, daemon=True).start()
        threading.Thread(target=self._run, args=(stopped,), daemon=True).start()

    def backend(self, path: str) -> Backend | None:
        """Where a request goes, drawn by the weights; None where no pod is ready there."""
        rules = [rule for rules in list(self._taken.values()) for rule in rules]
        fitting = [rule for rule in rules if path.startswith(rule.prefix)]
        weights = max(fitting, key=lambda rule: len(rule.prefix)).weights if fitting else ()
        if not sum(weight for _, _, weight in weights):
            return None
        ((name, port, _),) = random.choices(weights, [weight for _, _, weight in weights])
        ready = self._services.backends(self._namespace, name, self._port_name(name, port))
        return random.choice(ready) if ready else None

    def _handle(self, event: str, subject: Any) -> None:
        if event == "SYNC":
            self._routes = {route["metadata"]["name"]: route for route in subject}
        elif event == "DELETED":
            self._routes.pop(subject["metadata"]["name"], None)
        else:
            self._routes[subject["metadata"]["name"]] = subject

    def _run(self, stopped: threading.Event) -> None:
        while not stopped.wait(POLL_SECONDS):
            routes = dict(self._routes)
            for name in self._told.keys() - routes.keys():
                del self._told[name]
                self._taken.pop(name, None)
            for name, route in routes.items():
                try:
                    self._take(name, route)
                except ApiError as error:  # changed meanwhile, or gone
                    logger.info("status not written route=%s error=%s", name, error)

    def _take(self, name: str, route: Json) -> None:
        parents = [one for one in route["spec"]["parentRefs"] if one["name"] == self._name]
        unknown, lacking = self._unknown(route), self._lacking(route)
        generation = route["metadata"]["generation"]
        verdict = generation, unknown, lacking
        if not parents or self._told.get(name) == verdict:
            return
        if not unknown and not lacking:
            self._taken[name] = [_rule(rule) for rule in route["spec"]["rules"]]
        conditions = [
            _condition("Accepted", unknown, "UnsupportedValue", generation),
            _condition("ResolvedRefs", lacking, "BackendNotFound", generation),
        ]
        entry = {"parentRef": parents[0], "controllerName": CONTROLLER, "conditions": conditions}
        path = f"{ROUTES.format(namespace=self._namespace)}/{name}/status"
        self._api.patch(path, {"status": {"parents": [entry]}}, kind="merge")
        self._told[name] = verdict
        logger.info("taken route=%s at=%.3f rules=%s", name, time.time(), self._taken.get(name))

    def _unknown(self, route: Json) -> str:
        for rule in route["spec"]["rules"]:
            if rule.keys() - KNOWN or any(one.keys() != {"path"} for one in rule["matches"]):
                return f"not known: {rule}"
        return ""

    def _lacking(self, route: Json) -> str:
        for rule in route["spec"]["rules"]:
            for one in rule["backendRefs"]:
                if self._services.get(self._namespace, one["name"]) is None:
                    return f"no Service {one['name']}"
        return ""

    def _port_name(self, name: str, number: int) -> str:
        service = self._services.get(self._namespace, name) or {"spec": {"ports": []}}
        found = (one for one in service["spec"]["ports"] if one["port"] == number)
        return str(next(found, {}).get("name", ""))


def _rule(rule: Json) -> Rule:
    weights = tuple((one["name"], one["port"], one["weight"]) for one in rule["backendRefs"])
    return Rule(rule["matches"][0]["path"]["value"], weights)


def _condition(kind: str, fault: str, reason: str, generation: int) -> Json:
    return {
        "type": kind,
        "status": "False" if fault else "True",
        "reason": reason if fault else kind,
        "message": fault,
        "observedGeneration": generation,
        "lastTransitionTime": now(),
    }
