"""From an artifact to backends that are ready to run, and the plan by which to run them."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from longshore.backends.base import Backend, CudaOptions, Device
from longshore.backends.device_health import DeviceHealth
from longshore.backends.devices import resolve_device
from longshore.backends.registry import create_backend
from longshore.batching.padding import PaddingPlan
from longshore.errors import OutOfDeviceMemory
from longshore.execution import acceleration, calibration, calibration_cache, pins
from longshore.execution.calibration import Budget, Measurement, Split
from longshore.execution.declared_signature import check_device, declared_signature
from longshore.execution.findings import Findings, find_out
from longshore.execution.padding_proof import client_signature
from longshore.execution.plan import ExecutionPlan
from longshore.execution.sample_inputs import Maker
from longshore.repository.layout import Artifact
from longshore.repository.model_config import ModelConfig
from longshore.tensors import Signature

logger = logging.getLogger(__name__)

CUDA_EXECUTION_SECONDS = 0.1
"""Unless another bound is set: throughput on a GPU grows with nearly every batch, latency too."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """The settings that loading obeys; what is `None` is measured."""

    cpus: int
    device: str = "cpu"
    cuda: CudaOptions = field(default_factory=CudaOptions)
    device_health: DeviceHealth = field(default_factory=DeviceHealth)
    """Of the process, whatever it loads."""
    instances: int | None = None
    threads: int | None = None
    max_batch_size: int | None = None
    calibration_budget_seconds: float = 10.0
    max_execution_seconds: float | None = None
    calibration_cache: Path | None = None
    waits_for_batches: bool = False
    """An idle instance shall wait for a fuller batch, which the event loop cannot."""


@dataclass(slots=True)
class LoadedModel:
    """A model that can execute, not yet serving."""

    artifact: Artifact
    config: ModelConfig
    signature: Signature
    """What clients see; masks that the server fills are left out."""
    backends: list[Backend]
    """One for each instance; the same object several times when it may be shared."""
    plan: ExecutionPlan
    padding: PaddingPlan | None
    maker: Maker | None
    """Of inputs as the backends take them, masks included."""
    load_seconds: float = 0.0
    calibration_seconds: float = 0.0

    def close(self) -> None:
        for backend in {id(backend): backend for backend in self.backends}.values():
            backend.close()


def load_model(artifact: Artifact, config: ModelConfig, options: LoadOptions) -> LoadedModel:
    """Load, prove batching, calibrate; runs on a worker thread and takes seconds.

    Raises:
        ModelLoadError: the artifact is refused or broken, or the device is not there.
        ModelConfigError: the config does not fit the artifact.
    """
    return _Loader(artifact, config, options).load()


class _Loader:
    """The steps of one load, over the backends that were opened on the way."""

    def __init__(self, artifact: Artifact, config: ModelConfig, options: LoadOptions) -> None:
        self.artifact = artifact
        self.config = config
        self.options = options
        self.wanted_device = resolve_device(
            options.device,
            format=artifact.format,
            options=options.cuda,
            health=options.device_health,
        )
        check_device(config, self.wanted_device)
        self.device = replace(self.wanted_device, options=self.wanted_device.options.plain())
        self.instances = options.instances or config.instance_group.count
        self.max_batch_size = (
            options.max_batch_size if options.max_batch_size is not None else config.max_batch_size
        )
        self._backends: dict[Split, list[Backend]] = {}

    def load(self) -> LoadedModel:
        started = time.perf_counter()
        splits = self._splits()
        first = self._open(splits[0])[0]
        loaded_at = time.perf_counter()
        signature = declared_signature(self.config, first.signature)
        findings = find_out(
            first,
            signature,
            self.config,
            is_forbidden=self.max_batch_size == 0,
            open_on_cpu=lambda: self._create(self.options.cpus, device=Device("cpu")),
        )
        notes = self._accelerate(splits[0], findings)
        plan = self._plan(splits, findings)
        backends = self._open(Split(plan.instances, plan.threads))
        self._close_unused(backends)
        for backend in backends:
            backend.limit_rows(plan.max_batch_size)
        return LoadedModel(
            self.artifact,
            self.config,
            client_signature(signature, findings.padding),
            backends,
            replace(plan, notes=(*plan.notes, *notes)),
            findings.padding if plan.is_batched else None,
            findings.maker,
            load_seconds=loaded_at - started,
            calibration_seconds=time.perf_counter() - loaded_at,
        )

    def _splits(self) -> list[Split]:
        if self.device.kind != "cpu":
            return [Split(self.instances or 1, self.options.threads or 1)]
        return calibration.candidate_splits(
            self.options.cpus, instances=self.instances, threads=self.options.threads
        )

    def _splits_left_out(self, splits: list[Split]) -> list[Split]:
        """What instances and threads could have been, had they not been pinned."""
        if self.device.kind != "cpu":
            return []
        every = calibration.candidate_splits(self.options.cpus, instances=None, threads=None)
        return [split for split in every if split not in splits]

    def _open(self, split: Split) -> list[Backend]:
        if split not in self._backends:
            first = self._create(split.threads)
            others = (
                [first] * (split.instances - 1)
                if first.shares_instances
                else [self._create(split.threads) for _ in range(split.instances - 1)]
            )
            self._backends[split] = [first, *others]
        return self._backends[split]

    def _create(self, threads: int, device: Device | None = None) -> Backend:
        return create_backend(
            self.artifact, config=self.config, device=device or self.device, threads=threads
        )

    def _close_unused(self, used: list[Backend]) -> None:
        """Close and forget every backend that is not one of `used`."""
        kept = {id(backend) for backend in used}
        for split, backends in list(self._backends.items()):
            for backend in {id(b): b for b in backends if id(b) not in kept}.values():
                backend.close()
            if backends != used:
                del self._backends[split]

    def _accelerate(self, split: Split, findings: Findings) -> list[str]:
        """Go over to the precision and the compilation asked for, where they hold what they
        promise; says what became of them.
        """
        wanted = self.wanted_device
        if wanted.options.is_plain or wanted.kind == "cpu":
            return []
        if findings.maker is None:
            return [f"not {acceleration.name(wanted.options)}: no sample input works"]
        rows = acceleration.PROBED_ROWS if findings.is_batched else 1
        rows = min(rows, self.max_batch_size or rows)
        inputs = findings.maker.make(rows, seed=rows)
        try:
            plain = acceleration.Trial(self._open(split)[0], inputs)
        except OutOfDeviceMemory as error:
            return [f"not {acceleration.name(wanted.options)}: no room to compare: {error}"]
        self._close_unused([])
        self.device = wanted
        objection = acceleration.objection(plain, lambda: self._open(split)[0], inputs)
        if objection:
            self._close_unused([])
            self.device = replace(wanted, options=wanted.options.plain())
            return [f"not {acceleration.name(wanted.options)}: {objection}"]
        return []

    def _plan(self, splits: list[Split], findings: Findings) -> ExecutionPlan:
        if findings.maker is None:
            return ExecutionPlan(
                False, 1, splits[0].instances, splits[0].threads, False, None,
                tuple(findings.notes),
            )  # fmt: skip
        key = self._cache_key(findings)
        if self.options.calibration_cache is not None:
            cached = calibration_cache.read(self.options.calibration_cache, key)
            if cached is not None:
                return cached
        plan = self._measure(splits, findings, findings.maker)
        if self.options.calibration_cache is not None:
            calibration_cache.write(self.options.calibration_cache, key, plan)
        return plan

    def _measure(self, splits: list[Split], findings: Findings, maker: Maker) -> ExecutionPlan:
        budget = Budget(self.options.calibration_budget_seconds)
        largest = (self.max_batch_size or calibration.LARGEST_BATCH) if findings.is_batched else 1
        longest = self.options.max_execution_seconds
        if longest is None and self.device.kind == "cuda":
            longest = CUDA_EXECUTION_SECONDS

        def measure(splits: list[Split]) -> list[Measurement]:
            return calibration.measure(
                self._open,
                splits,
                maker,
                largest_batch=largest,
                budget=budget,
                max_execution_seconds=longest,
            )

        measurements = measure(splits)
        best = calibration.choose(measurements)
        notes = [*findings.notes, _summary(measurements, best)]
        if budget.allows(0.0):
            notes += pins.split_notes(best, measure(self._splits_left_out(splits)))
        if budget.has_stopped:
            notes.append(f"calibration stopped after its budget of {budget.seconds:g} s")
        if best.limit:
            notes.append(best.limit)
        return self._decide(best, findings, notes)

    def _decide(self, best: Measurement, findings: Findings, notes: list[str]) -> ExecutionPlan:
        rows = best.best_rows if findings.is_batched else 1
        is_inline = self._may_run_inline() and calibration.runs_inline(best.cost)
        if is_inline:
            rows = calibration.largest_inline_batch(best.cost, rows)
            notes.append("runs on the event loop: cheaper than handing it to a thread")
        if findings.is_batched and self.max_batch_size:
            notes += pins.batch_notes(best, rows, self.max_batch_size)
            rows = self.max_batch_size
        return ExecutionPlan(
            findings.is_batched,
            rows,
            1 if is_inline else best.split.instances,
            best.split.threads,
            is_inline,
            best.cost,
            tuple(notes),
        )

    def _may_run_inline(self) -> bool:
        return (
            self.device.kind == "cpu"
            and self.instances is None
            and not self.options.waits_for_batches
            and not self.config.dynamic_batching.max_queue_delay_seconds
        )

    def _cache_key(self, findings: Findings) -> str:
        return calibration_cache.key(
            self.artifact,
            str(self.device),
            self._device_facts(),
            self.options.cpus,
            self.instances,
            self.options.threads,
            self.max_batch_size,
            self.options.max_execution_seconds,
            findings.is_batched,
            findings.padding is not None,
            self._may_run_inline(),
        )

    def _device_facts(self) -> tuple[object, ...]:
        """What a measurement on a GPU depends on; nothing for the CPU."""
        backends = next(iter(self._backends.values()), [])
        identity = backends[0].device_identity() if backends else None
        return () if identity is None else (identity.name, self.device.options)


def _summary(measurements: list[Measurement], best: Measurement) -> str:
    figures = ", ".join(
        f"{m.split}: {m.best_throughput:.4g}/s at {m.best_rows}" for m in measurements
    )
    return f"measured instances x threads: {figures}; chose {best.split}"
