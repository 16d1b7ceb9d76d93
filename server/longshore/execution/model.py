"""A model version that answers requests."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from longshore.backends.base import Backend
from longshore.batching.cost import CostModel
from longshore.batching.dynamic_batcher import DynamicBatcher, QueueBounds
from longshore.batching.pending_request import PendingRequest
from longshore.batching.request_queue import BatchingPolicy, RequestQueue
from longshore.errors import DeviceLost, InvalidRequest, ModelNotReady
from longshore.execution.batch_execution import Execution, rows_that_fit
from longshore.execution.model_instance import Executor, InlineInstance, ModelInstance
from longshore.execution.statistics import ModelStatistics
from longshore.loading.model_loader import LoadedModel
from longshore.loading.plan import ExecutionPlan
from longshore.metrics import ServerMetrics
from longshore.tensors import Signature, Tensors

logger = logging.getLogger(__name__)

CLOSE_INTERVAL_SECONDS = 0.02
DROP_INTERVAL_SECONDS = 0.1
"""How often requests that nobody waits for are swept out of the queue."""


class Model:
    """Queue, instances and bookkeeping of one loaded version; lives on the event loop."""

    def __init__(
        self,
        loaded: LoadedModel,
        metrics: ServerMetrics,
        *,
        max_queue_seconds: float,
        max_queue_delay_seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = loaded.artifact.model_name
        self.version = loaded.artifact.version
        self.signature: Signature = loaded.signature
        self.config = loaded.config
        self.plan = loaded.plan
        queue_policy = self.config.dynamic_batching.default_queue_policy
        self.default_timeout_seconds = queue_policy.default_timeout_seconds or None
        """The deadline that the model's own queue policy sets, if it does."""
        self.statistics = ModelStatistics()
        self._loaded = loaded
        self._max_rows = loaded.plan.max_batch_size
        self._memory_notes: tuple[str, ...] = ()
        self._device_facts = _device_facts(self.backend)
        self._fault: str | None = None
        self._is_closed = False
        self.inflight_requests = 0
        """Requests that chose this version and are not answered, those still being read included:
        it is not closed under them."""
        self._clock = clock
        self._has_static_shape = all(-1 not in s.shape[1:] for s in self.signature.inputs)
        self._queue = RequestQueue(_policy(loaded, max_queue_delay_seconds), clock=clock)
        self.cost = CostModel(self.plan.cost, max_rows=self.plan.max_batch_size)
        self._metrics = _BoundMetrics(metrics, self.name, self.version)
        self._metrics.max_batch_size.set(self._max_rows)
        self._metrics.show_plan(self.plan, self.cost)
        loop = asyncio.get_running_loop()
        self._instances = self._build_instances(loop)
        self._batcher = DynamicBatcher(
            self._queue,
            self.cost,
            bounds=QueueBounds(max_queue_seconds, queue_policy.max_queue_size),
            instance_count=self.plan.instances,
            clock=clock,
            on_put=self._instances[0].notify if self.plan.is_inline else None,
        )
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def backend(self) -> Backend:
        """The first instance's backend: all are alike."""
        return self._loaded.backends[0]

    @property
    def platform(self) -> str:
        return str(self.backend.platform)

    @property
    def fault(self) -> str | None:
        """Why this model cannot answer any more, for good; asked for each request."""
        return self._fault

    @property
    def queued_requests(self) -> int:
        return len(self._queue)

    @property
    def rows_inside(self) -> int:
        """Rows admitted and not yet answered, waiting or running."""
        return self._batcher.rows_inside

    def start(self) -> None:
        for instance in self._instances:
            instance.start()
        self._sweep()

    def count_rows(self, inputs: Tensors) -> int:
        """Rows that a request asks for; 1 for a model that is served unbatched.

        Raises:
            InvalidRequest: its inputs disagree on axis 0.
        """
        if not self.plan.is_batched:
            return 1
        rows, *others = map(len, inputs.values())
        if others and {rows} != set(others):
            shapes = ", ".join(f"'{name}' {list(a.shape)}" for name, a in inputs.items())
            raise InvalidRequest(f"all inputs need the same number of rows on axis 0: {shapes}")
        return rows

    def offered_seconds(self, rows: float) -> float:
        """Share of this pod's time that computing `rows` rows takes, all instances at work."""
        return rows * self.cost.calibrated_seconds_per_row / self.plan.instances

    def refuse_if_full(self, deadline: float) -> None:
        """Raises `QueueFull` when a request that arrives now could not be answered in time."""
        self._batcher.refuse_if_full(deadline)

    def infer(
        self,
        inputs: Tensors,
        output_names: tuple[str, ...],
        *,
        rows: int,
        arrived: float,
        deadline: float,
    ) -> PendingRequest:
        """Queue a request that `refuse_if_full` let through; abandoning it drops it before it
        reaches the device.

        Raises:
            RequestTimeout: the deadline has passed already.
            ModelNotReady: the version was unloaded while the request was being read.
        """
        if self._is_closed:
            raise ModelNotReady(f"version {self.version} was unloaded while the request was read")
        return self._batcher.submit(
            inputs,
            output_names,
            rows=rows,
            group=self._group(inputs),
            arrived=arrived,
            deadline=deadline,
        )

    async def close(self, timeout_seconds: float) -> bool:
        """Let queued work finish, end the instances, free the device; false when time ran out."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        deadline = self._clock() + timeout_seconds
        await self._batcher.wait_idle(timeout_seconds)
        while self.inflight_requests and self._clock() < deadline:  # noqa: ASYNC110 (seldom)
            await asyncio.sleep(CLOSE_INTERVAL_SECONDS)
        self._is_closed = True
        self._queue.close()
        ended = [
            await asyncio.to_thread(instance.join, max(0.1, deadline - self._clock()))
            for instance in self._instances
        ]
        if all(ended):
            self._loaded.close()
        return all(ended)

    def describe(self) -> dict[str, Any]:
        """What the server decided about this model, for the metadata's `parameters`."""
        plan = self.plan
        described: dict[str, Any] = {
            **self._device_facts,
            **self.backend.describe(),
            "batched": plan.is_batched,
            "max_batch_size": self._max_rows if plan.is_batched else 0,
            "instances": plan.instances,
            "threads": plan.threads,
            "inline": plan.is_inline,
            "calibration": plan.source,
            "notes": [
                *plan.notes,
                *self._memory_notes,
                *(f"not served: output {o}" for o in self.backend.left_out),
            ],
        }
        if plan.cost is not None:
            described["cost_seconds_by_rows"] = {str(r): s for r, s in plan.cost.points}
        return described

    def _build_instances(self, loop: asyncio.AbstractEventLoop) -> list[Executor]:
        is_inline = self.plan.is_inline
        kind: type[Executor] = InlineInstance if is_inline else ModelInstance
        return [
            kind(
                f"{self.name}-{self.version}-{index}",
                backend,
                self._queue,
                loop=loop,
                observe=self._observe,
                clock=self._clock,
            )
            for index, backend in enumerate([self.backend] if is_inline else self._loaded.backends)
        ]

    def _group(self, inputs: Tensors) -> Hashable:
        padding = self._queue.policy.padding
        if padding is not None:
            return padding.group(inputs)
        if self._has_static_shape or not self.plan.is_batched:
            return ()
        return tuple(array.shape[1:] for array in inputs.values())

    def _observe(self, execution: Execution) -> None:
        waits = [execution.started - done.part.request.arrived for done in execution.results]
        self.cost.observe(execution.rows, execution.seconds)
        self._metrics.observe(execution, waits)
        if execution.out_of_memory_rows:
            self._lower_limit(execution.out_of_memory_rows)
        statistics = self.statistics
        statistics.execution_count += 1
        statistics.inference_count += execution.rows
        statistics.last_inference_milliseconds = int(time.time() * 1000)
        statistics.compute_infer.add(execution.seconds)
        statistics.queue.add(sum(waits), count=len(waits))

    def _lower_limit(self, tight: tuple[int, ...]) -> None:
        """The device had no memory for batches of these rows: hand out smaller ones from now on."""
        rows = rows_that_fit(tight)
        if rows >= self._max_rows:
            return
        note = f"batches have at most {rows} rows: the device had no memory for {min(tight)}"
        logger.warning("batch limit lowered: name=%s version=%s %s", self.name, self.version, note)
        self._memory_notes = (note,)
        self._max_rows = rows
        self._queue.limit_rows(rows)
        self.cost.limit_rows(rows)
        self._metrics.max_batch_size.set(rows)

    def _sweep(self) -> None:
        if len(self._queue):
            self._queue.drop_abandoned()
        self._batcher.abandonment.relax()
        if not all(instance.is_alive for instance in self._instances):
            self._fault = "an instance has ended"
        loop = asyncio.get_running_loop()
        self._sweeper = loop.call_later(DROP_INTERVAL_SECONDS, self._sweep)


class _BoundMetrics:
    """The children of the metrics that every execution moves, looked up once."""

    def __init__(self, metrics: ServerMetrics, name: str, version: str) -> None:
        self._executions = metrics.executions.labels(name, version)
        self._inferences = metrics.inferences.labels(name, version)
        self._compute = metrics.compute_duration_seconds.labels(name, version)
        self._queue = metrics.queue_duration_seconds.labels(name, version)
        self._batch_size = metrics.batch_size.labels(name, version)
        self._out_of_memory = metrics.out_of_memory.labels(name, version)
        self.max_batch_size = metrics.max_batch_size.labels(name, version)
        self._instances = metrics.instances.labels(name, version)
        self._threads = metrics.threads.labels(name, version)
        self._seconds_per_row = metrics.seconds_per_row.labels(name, version)

    def show_plan(self, plan: ExecutionPlan, cost: CostModel) -> None:
        self._instances.set(plan.instances)
        self._threads.set(plan.threads)
        self._seconds_per_row.set(cost.calibrated_seconds_per_row)

    def observe(self, execution: Execution, waits: Sequence[float]) -> None:
        self._executions.inc()
        self._inferences.inc(execution.rows)
        self._compute.observe(execution.seconds)
        self._batch_size.observe(execution.rows)
        if execution.out_of_memory_rows:
            self._out_of_memory.inc(len(execution.out_of_memory_rows))
        for wait in waits:
            self._queue.observe(wait)


def _device_facts(backend: Backend) -> dict[str, Any]:
    """For the metadata; asked for once, because a driver may hang and nobody must wait for it."""
    device = backend.device
    if device.kind == "cpu":
        return {"device": "cpu"}
    try:
        identity, memory = backend.device_identity(), backend.device_memory()
    except DeviceLost as error:  # health tells it to all who ask
        return {"device": str(device), "device_memory_when_loaded": str(error)}
    return {
        "device": str(device),
        "device_name": "" if identity is None else identity.name,
        "device_memory_when_loaded": str(memory or ""),
        "precision": device.options.precision,
        "compiled": device.options.compiles,
    }


def _policy(loaded: LoadedModel, max_queue_delay_seconds: float | None) -> BatchingPolicy:
    batching = loaded.config.dynamic_batching
    delay = (
        batching.max_queue_delay_seconds
        if max_queue_delay_seconds is None
        else max_queue_delay_seconds
    )
    return BatchingPolicy(
        max_rows=loaded.plan.max_batch_size,
        is_batched=loaded.plan.is_batched,
        max_delay_seconds=delay,
        preferred_rows=batching.preferred_batch_size,
        padding=loaded.padding,
    )
