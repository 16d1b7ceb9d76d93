"""Every metric of the controller, declared once; they are its own, not a server's.

Those of single models have a series for as long as they say something: while a rollout goes on, or
while a model is stalled. Their labels are no target labels, which a scrape would replace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from longshore_k8s.api import Json
from longshore_k8s.controller import rollout_figures as figures
from longshore_k8s.controller.resource import Resource

_TURN_BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
"""Seconds: an unchanged resource takes 2 ms, one with everything to write a few tenths."""
_OF_A_MODEL = ("model_namespace", "model")


class ControllerMetrics:
    """The metrics of one controller, in `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._resources: Callable[[], Iterable[Resource]] = lambda: ()
        self.models = Gauge(
            "longshore_controller_models",
            "LongshoreModels by how they are: ready, progressing, degraded or stalled.",
            ["state"],
            registry=registry,
        )
        self.turns = Counter(
            "longshore_controller_reconciliations",
            "Turns for one resource by their end: done, or failed and tried again.",
            ["outcome"],
            registry=registry,
        )
        self.turn_seconds = Histogram(
            "longshore_controller_reconciliation_duration_seconds",
            "Seconds that one turn took.",
            buckets=_TURN_BUCKETS,
            registry=registry,
        )
        self.writes = Counter(
            "longshore_controller_writes",
            "Writes to objects of models; while nothing changes there are none.",
            ["verb"],
            registry=registry,
        )
        self.waiting = Gauge(
            "longshore_controller_queue_length",
            "Resources that are due to be looked at, and wait for a worker.",
            registry=registry,
        )
        self.rollouts_ended = Counter(
            "longshore_controller_rollouts_ended",
            "Rollouts of a version by their end: promoted, or aborted and taken back.",
            ["outcome"],
            registry=registry,
        )
        self._add_those_of_models()
        for verb in ("Apply", "HandOverReplicas", "StripHelm", "Delete"):
            self.writes.labels(verb=verb)
        for outcome in ("done", "failed"):
            self.turns.labels(outcome=outcome)
        for outcome in figures.OUTCOMES:
            self.rollouts_ended.labels(outcome=outcome)

    def show(self, resources: Callable[[], Iterable[Resource]]) -> None:
        """Export what the status of each of them says, as it is when it is asked for."""
        self._resources = resources

    def _add_those_of_models(self) -> None:
        def gauge(name: str, help: str, read: Callable[[Json], float | None]) -> None:
            self.registry.register(_OfModels(name, help, read, lambda: self._resources()))

        gauge(
            "longshore_controller_model_stalled",
            "1 for a LongshoreModel that stays as it is until somebody changes something.",
            figures.stalled,
        )
        gauge(
            "longshore_controller_rollout_share_ratio",
            "The candidate's share of the requests, as a route is asked or by the ready pods.",
            figures.share,
        )
        gauge(
            "longshore_controller_rollout_requests",
            "Requests to the candidate that were counted since its rollout began.",
            figures.requests,
        )
        gauge(
            "longshore_controller_rollout_bad_requests",
            "Requests to the candidate that failed by no fault of the client, or took too long.",
            figures.bad,
        )
        gauge(
            "longshore_controller_rollout_evidence",
            "How strongly the counts say that the candidate fails more often; 1000 takes it back.",
            figures.evidence,
        )
        gauge(
            "longshore_controller_rollout_deadline_timestamp_seconds",
            "When the stage of the rollout should have been decided, in Unix time.",
            figures.deadline,
        )
        self.registry.register(_Stages(lambda: self._resources()))


class _OfModels(Collector):
    """A gauge of single models: a series for each of which `read` makes a number."""

    _labels = _OF_A_MODEL

    def __init__(
        self,
        name: str,
        help: str,
        read: Callable[[Json], float | None],
        resources: Callable[[], Iterable[Resource]],
    ) -> None:
        self._name, self._help, self._read, self._resources = name, help, read, resources

    def describe(self) -> Iterable[Metric]:
        return [GaugeMetricFamily(self._name, self._help, labels=self._labels)]

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(self._name, self._help, labels=self._labels)
        for resource in self._resources():
            number = self._read(resource.status)
            if number is not None:
                family.add_metric(resource.key, number)
        yield family


class _Stages(Collector):
    """Rollouts by their stage; every stage has a series."""

    _name, _labels = "longshore_controller_rollouts", ("stage",)
    _help = "Rollouts of a version that go on, by their stage."

    def __init__(self, resources: Callable[[], Iterable[Resource]]) -> None:
        self._resources = resources

    def describe(self) -> Iterable[Metric]:
        return [GaugeMetricFamily(self._name, self._help, labels=self._labels)]

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(self._name, self._help, labels=self._labels)
        stages = [figures.stage(resource.status) for resource in self._resources()]
        for stage in figures.STAGES:
            family.add_metric([stage], stages.count(stage))
        yield family
