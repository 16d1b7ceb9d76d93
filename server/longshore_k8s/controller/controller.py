"""The controller: watches that fill the stores, a queue of resources, and workers that reconcile.

A thread that ends by a fault ends the process: nothing is watched by half, and a start is cheap.
A fault in the turn of one resource is that resource's: the others go on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial

from longshore_k8s.api import ClusterUnreachable, Json
from longshore_k8s.controller import kinds
from longshore_k8s.controller.connection import ApiRefused, Connection
from longshore_k8s.controller.drift_pace import DriftPace
from longshore_k8s.controller.events import EventSink
from longshore_k8s.controller.facts import read_cluster_facts
from longshore_k8s.controller.kinds import Kind
from longshore_k8s.controller.metrics import ControllerMetrics
from longshore_k8s.controller.reconciler import Reconciler
from longshore_k8s.controller.reflector import Reflector
from longshore_k8s.controller.renderer import Renderer, RendererFailed
from longshore_k8s.controller.resource import MODEL_LABEL, Key
from longshore_k8s.controller.store import ObjectStore, ResourceStore
from longshore_k8s.controller.survey import Surveyor
from longshore_k8s.controller.upgrades import Upgrades
from longshore_k8s.controller.work_queue import WorkQueue

logger = logging.getLogger(__name__)

_WORKERS = 4
_TICK_SECONDS, _FACTS_SECONDS = 5.0, 60.0
_TAKE_SECONDS = 1.0
_END_SECONDS = 10.0


class Controller:
    """One controller of the resources in `namespaces`; `None` among them is all of the cluster."""

    def __init__(
        self,
        connection: Connection,
        renderer: Renderer,
        namespaces: Iterable[str | None],
        metrics: ControllerMetrics,
    ) -> None:
        """Ask the API server what it is.

        Raises:
            ApiRefused, ClusterUnreachable: it did not say.
        """
        self.stopped = threading.Event()
        self._connection, self._renderer, self._metrics = connection, renderer, metrics
        self._namespaces = tuple(namespaces)
        self._queue = WorkQueue()
        self._objects, self._resources = ObjectStore(), ResourceStore()
        metrics.show(self._resources.all)
        self._watched: dict[str, list[Reflector]] = {}
        self._failed = threading.Event()
        self._reconciler = Reconciler(
            connection=connection,
            resources=self._resources,
            objects=self._objects,
            renderer=renderer,
            facts=read_cluster_facts(connection),
            surveyor=Surveyor(connection),
            events=EventSink(connection),
            metrics=metrics,
            drift_pace=DriftPace(time.monotonic),
            upgrades=Upgrades(self._resources.all, time.monotonic),
            now=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )

    def is_ready(self) -> bool:
        """Whether every watch has shown its first list."""
        reflectors = [one for several in list(self._watched.values()) for one in several]
        return bool(reflectors) and all(one.is_listed.is_set() for one in reflectors)

    def run(self) -> bool:
        """Until `stopped`, or a fault; whether there was none."""
        self._watch_models()
        self._watch_served_kinds()
        workers: list[threading.Thread] = []
        facts_at = time.monotonic()
        while not self._failed.is_set():
            if not workers and self.is_ready():
                logger.info("ready models=%d", len(self._resources))
                workers = [self._thread(f"worker-{n}", self._work) for n in range(_WORKERS)]
            if time.monotonic() - facts_at > _FACTS_SECONDS:
                facts_at = time.monotonic()
                self._renew_facts()
            self._renderer.end_if_idle()
            self._count_models()
            if self.stopped.wait(_TICK_SECONDS if workers else 0.1):
                break
        self.stopped.set()
        for worker in workers:
            worker.join(_END_SECONDS)
        self._renderer.close()
        return not self._failed.is_set()

    def _watch_models(self) -> None:
        self._start(kinds.MODEL, self._resources, reads_whole=True)

    def _watch_served_kinds(self) -> None:
        """Watch each kind that there is, and none that is gone."""
        for kind in kinds.OWNED:
            is_served = kind.name in self._reconciler.facts.served
            if not is_served:
                for reflector in self._watched.pop(kind.name, ()):
                    reflector.ended.set()
                self._objects.replace(kind.name, None, ())
            elif kind.name not in self._watched:
                store = _OneKind(self._objects, kind)
                self._start(kind, store, selector=MODEL_LABEL, reads_whole=kind in kinds.READ_WHOLE)

    def _start(
        self, kind: Kind, store: ResourceStore | _OneKind, *, selector: str = "", reads_whole: bool
    ) -> None:
        self._watched[kind.name] = [
            Reflector(
                self._connection, kind, namespace, store,
                selector=selector, reads_whole=reads_whole, changed=self._queue.add,
            )
            for namespace in self._namespaces
        ]  # fmt: skip
        for reflector in self._watched[kind.name]:
            self._thread(f"watch-{kind.plural}", partial(reflector.run, self.stopped))

    def _renew_facts(self) -> None:
        """A kind that came is watched, and what was left out for want of it is looked at again."""
        try:
            facts = read_cluster_facts(self._connection)
        except (ApiRefused, ClusterUnreachable) as error:
            logger.warning("kinds not read error=%s", error)
            return
        if facts != self._reconciler.facts:
            self._reconciler.facts = facts
            self._watch_served_kinds()
            for resource in self._resources.all():
                self._queue.add(resource.key)

    def _work(self) -> None:
        while not self.stopped.is_set():
            key = self._queue.take(_TAKE_SECONDS)
            if key is not None:
                self._turn(key)

    def _turn(self, key: Key) -> None:
        begun = time.monotonic()
        try:
            turn = self._reconciler.reconcile(key)
        except Exception as error:
            self._failed_turn(key, error)
        else:
            self._queue.done(key, turn.hold_seconds)
            if turn.requeue_seconds is not None:
                self._queue.add(key, turn.requeue_seconds)
            self._metrics.turns.labels(outcome="done").inc()
        self._metrics.turn_seconds.observe(time.monotonic() - begun)

    def _failed_turn(self, key: Key, error: Exception) -> None:
        """Again later; what is no passing refusal is a fault of ours, and its author is told."""
        is_passing = isinstance(error, ApiRefused | ClusterUnreachable | RendererFailed)
        seconds = self._queue.failed(key, getattr(error, "retry_seconds", None))
        self._metrics.turns.labels(outcome="failed").inc()
        level, trace = (logging.WARNING, None) if is_passing else (logging.ERROR, error)
        words = "again in %.1f s model=%s/%s error=%s"
        logger.log(level, words, seconds, *key, error, exc_info=trace)
        if not is_passing:
            self._reconciler.tell_fault(key, error)

    def _count_models(self) -> None:
        counts = Counter(_state(resource.status) for resource in self._resources.all())
        for state in ("ready", "progressing", "degraded", "stalled"):
            self._metrics.models.labels(state=state).set(counts[state])
        self._metrics.waiting.set(len(self._queue))

    def _thread(self, name: str, target: Callable[[], None]) -> threading.Thread:
        def guarded() -> None:
            try:
                target()
            except Exception:
                logger.critical("thread ended name=%s", name, exc_info=True)
                self._failed.set()
                self.stopped.set()

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        thread.start()
        return thread


class _OneKind:
    """The store of objects, as a reflector of one kind fills it."""

    def __init__(self, objects: ObjectStore, kind: Kind) -> None:
        self._objects, self._kind = objects, kind.name

    def put(self, document: Json) -> Key:
        return self._objects.put(self._kind, document)

    def remove(self, document: Json) -> Key:
        return self._objects.remove(self._kind, document)

    def replace(self, namespace: str | None, documents: list[Json]) -> set[Key]:
        return self._objects.replace(self._kind, namespace, documents)


def _state(status: Json) -> str:
    true = {c["type"] for c in status.get("conditions") or () if c["status"] == "True"}
    for condition, state in (
        ("Stalled", "stalled"),
        ("Degraded", "degraded"),
        ("Reconciling", "progressing"),
    ):
        if condition in true:
            return state
    return "ready" if "Ready" in true else "progressing"
