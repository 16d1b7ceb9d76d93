"""A model version that answers requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from typing import Any

from longshore.backends.base import Backend
from longshore.batching.cost import CostModel
from longshore.batching.dynamic_batcher import DynamicBatcher, QueueBounds
from longshore.batching.overload_log import OverloadLog
from longshore.batching.pending_request import PendingRequest
from longshore.batching.request_groups import BatchingPolicy
from longshore.batching.request_queue import RequestQueue
from longshore.batching.sharing import Sharing
from longshore.errors import InvalidRequest, ModelNotReady
from longshore.execution.batch_execution import Execution, Observer
from longshore.execution.description import ModelDescription
from longshore.execution.housekeeping import Housekeeping
from longshore.execution.instance_group import InstanceGroup
from longshore.execution.recorder import ExecutionRecorder
from longshore.execution.statistics import ModelStatistics
from longshore.execution.version_metrics import VersionMetrics
from longshore.loading.loaded_model import LoadedModel
from longshore.metrics import ServerMetrics
from longshore.tensors import Signature, Tensors

CLOSE_INTERVAL_SECONDS = 0.02
"""Between two looks at whether requests are in flight while a version is closed."""


class Model:
    """Queue, instances and bookkeeping of one loaded version; used on the event loop only."""

    def __init__(
        self,
        loaded: LoadedModel,
        metrics: ServerMetrics,
        *,
        max_queue_seconds: float,
        max_queue_delay_seconds: float | None = None,
        on_execution: Callable[[Model, Execution], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_execution` is told of each one, once it is recorded."""
        self.name = loaded.artifact.model_name
        self.version = loaded.artifact.version
        self.signature: Signature = loaded.signature
        self.config = loaded.config
        self.plan = loaded.plan
        queue_policy = self.config.dynamic_batching.default_queue_policy
        self.default_timeout_seconds = queue_policy.default_timeout_seconds or None
        """The deadline that the model's own queue policy sets, if it does."""
        self.statistics = ModelStatistics()
        self.cost = CostModel(
            self.plan.cost,
            max_rows=self.plan.max_batch_size,
            clock=clock,
            wide_line=None if self.plan.wide is None else self.plan.wide.cost,
        )
        self.inflight_requests = 0
        """Requests that chose this version and are not answered, those still being read included:
        it is not closed under them."""
        self.loaded = loaded
        self._clock = clock
        self._fault: str | None = None
        self._is_closed = False
        self._has_static_shape = all(-1 not in s.shape[1:] for s in self.signature.inputs)
        self._description = ModelDescription(self.plan, self.backend)
        self._queue = RequestQueue(
            _policy(loaded, max_queue_delay_seconds),
            instance_count=self.plan.instances,
            clock=clock,
        )
        self._recorder = self._build_recorder(metrics)
        observe = self._recorder.record if on_execution is None else self._telling(on_execution)
        self._instances = InstanceGroup(loaded, self._queue, observe, clock=clock)
        self._batcher = DynamicBatcher(
            self._queue,
            self.cost,
            bounds=QueueBounds(max_queue_seconds, queue_policy.max_queue_size),
            instance_count=self.plan.instances,
            clock=clock,
            on_put=self._instances.on_put,
        )
        self.overload_log = OverloadLog(self._label, clock)
        self._housekeeping = Housekeeping(
            [
                self._queue.drop_unwanted,
                self._batcher.abandonment.relax,
                self.overload_log.report,
                self._look_at_instances,
                self._recorder.review,
            ]
        )

    @property
    def _label(self) -> str:
        return f"name={self.name} version={self.version}"

    @property
    def backend(self) -> Backend:
        """The first instance's backend: all are alike."""
        return self.loaded.backends[0]

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
    def admitted_rows(self) -> int:
        """Rows admitted and not yet answered, waiting or running."""
        return self._batcher.admitted_rows

    def has_worked(self) -> bool:
        """Whether anything was executed; asked from any thread."""
        return self.statistics.last_inference_milliseconds > 0

    def is_left_alone(self, seconds: float) -> bool:
        """Whether no request is in flight, and none was executed for `seconds`."""
        last = self.statistics.last_inference_milliseconds / 1000
        return not self.inflight_requests and time.time() - last >= seconds

    def start(self) -> None:
        self._instances.start()
        self._housekeeping.start()

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

    def instance_seconds(self, rows: float) -> float:
        """Seconds of all instances together that computing `rows` rows takes, in full batches."""
        return rows * self.cost.seconds_per_row / self.plan.instances

    def predicted_seconds(self, rows: float) -> float:
        """Seconds of one instance that the calibration foresaw for them."""
        return rows * self.cost.predicted_seconds_per_row

    def refuse_if_full(self, deadline: float) -> None:
        """Raises `QueueFull` when a request that arrives now could not be answered in time."""
        self._batcher.refuse_if_full(deadline)

    def expecting(self, rows: float) -> AbstractContextManager[None]:
        """To be held while a request of about `rows` rows that was let through is decoded."""
        return self._batcher.expecting(rows)

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
        self._housekeeping.stop()
        self.overload_log.flush()
        deadline = self._clock() + timeout_seconds
        await self._batcher.wait_idle(timeout_seconds)
        while self.inflight_requests and self._clock() < deadline:  # noqa: ASYNC110 (seldom)
            await asyncio.sleep(CLOSE_INTERVAL_SECONDS)
        self._is_closed = True
        self._queue.close()
        if not await self._instances.join(deadline):
            return False
        self.loaded.close()
        return True

    def describe(self) -> dict[str, Any]:
        """What the server decided about this model, for the metadata's `parameters`."""
        recorder = self._recorder
        return self._description.document(
            max_rows=recorder.max_rows, memory_notes=recorder.memory_notes
        )

    def _build_recorder(self, metrics: ServerMetrics) -> ExecutionRecorder:
        version_metrics = VersionMetrics(metrics, self.name, self.version)
        version_metrics.show_plan(self.plan, self.cost)
        return ExecutionRecorder(
            self._label,
            self.cost,
            version_metrics,
            self.statistics,
            max_rows=self.plan.max_batch_size,
            limit_rows=self._queue.limit_rows,
            wide_weight=self.plan.wide.threads / self.plan.threads if self.plan.wide else 1.0,
        )

    def _telling(self, on_execution: Callable[[Model, Execution], None]) -> Observer:
        def observe(execution: Execution) -> None:
            self._recorder.record(execution)
            on_execution(self, execution)

        return observe

    def _group(self, inputs: Tensors) -> Hashable:
        padding = self._queue.policy.padding
        if padding is not None:
            return padding.group(inputs)
        if self._has_static_shape or not self.plan.is_batched:
            return ()
        return tuple(array.shape[1:] for array in inputs.values())

    def _look_at_instances(self) -> None:
        if not self._instances.are_alive:
            self._fault = "an instance has ended"


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
        sharing=None if delay else _sharing(loaded),
    )


def _sharing(loaded: LoadedModel) -> Sharing | None:
    """Instances on a GPU compute on one device: rows divided among them are no sooner done."""
    plan = loaded.plan
    if not plan.is_batched or plan.cost is None or loaded.backends[0].device.kind != "cpu":
        return None
    return Sharing(plan.cost, None if plan.wide is None else plan.wide.cost)
