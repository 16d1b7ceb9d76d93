"""How a model is best executed, by trying and measuring; imported when no record says it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from msgspec.structs import replace

from longshore.backends.base import Device
from longshore.batching.cost import CostLine
from longshore.cpu.quantity import whole_cpus
from longshore.errors import OutOfDeviceMemory
from longshore.loading import widening
from longshore.loading.backend_pool import BackendPool
from longshore.loading.budget import Budget
from longshore.loading.load_options import LoadOptions
from longshore.loading.measurement import acceleration, calibration, pins
from longshore.loading.measurement.disturbance import Disturbance
from longshore.loading.measurement.inheritance import KnownVersion, inherit
from longshore.loading.measurement.split_series import Bounds, Measurement, least_seconds
from longshore.loading.measurement.timing import Stopwatch
from longshore.loading.plan import ExecutionPlan, Split
from longshore.loading.proof.declared_padding import client_signature
from longshore.loading.proof.discovery import Discovery
from longshore.loading.proof.findings import Findings
from longshore.loading.proof.sample_inputs import Maker
from longshore.tensors import Signature

_ACCELERATION_TRIALS = 3
"""Executions at least that comparing two ways to run a model takes."""
CUDA_EXECUTION_SECONDS = 0.1
"""Unless another bound is set: throughput on a GPU grows with nearly every batch, latency too."""


class Learner:
    """Tries the backends of `pool`, which runs the model as its file says until something faster
    has proven itself on `wanted`, the device with the options that were asked for. All of it
    happens within `budget`. `known` is a version that is ready meanwhile.
    """

    def __init__(
        self,
        pool: BackendPool,
        options: LoadOptions,
        wanted: Device,
        budget: Budget,
        known: KnownVersion | None = None,
    ) -> None:
        self._budget = budget
        self._known = known
        self._pool = pool
        self._options = options
        self._wanted = wanted
        self._splits = open_splits(options, wanted)
        self._disturbance = Disturbance()
        self._stopwatch = Stopwatch(budget, self._disturbance)

    @property
    def first_split(self) -> Split:
        """The one to begin with."""
        return self._splits[0]

    @property
    def disturbance(self) -> str:
        """Why what was measured is not to be kept, in a clause; empty when it is."""
        if self._known is not None and self._known.has_worked():
            return f"version {self._known.number} served meanwhile"
        return self._disturbance.reason

    def learn(self, discovery: Discovery) -> tuple[Findings, ExecutionPlan]:
        """What was found out, and the plan that follows from it.

        Raises:
            ModelConfigError: the config does not fit what the model gave.
            ModelLoadError: the model cannot be opened in one of the ways that are tried, fails on
                a recorded sample, or fails on every input.
        """
        self._pool.verified.progress.begin("finding inputs that work, and proving batching")
        backend = self._pool.open(self._splits[0])[0]
        with self._watching():
            findings = discovery.find_out(
                backend,
                open_on_cpu=lambda: self._pool.open_on_cpu(whole_cpus(self._options.cpus)),
            )
        notes = self._accelerate(findings)
        plan = self._plan(findings, client_signature(discovery.whole, findings.padding))
        return findings, replace(plan, notes=(*plan.notes, *notes))

    def _watching(self) -> AbstractContextManager[None]:
        """What is tried may be all that is known of a slow model; a GPU has a clock of its own."""
        if self._wanted.kind != "cpu":
            return nullcontext()
        return self._disturbance.watching(self._budget.clock)

    def _accelerate(self, findings: Findings) -> list[str]:
        """Go over to the precision and the compilation asked for, where they hold what they
        promise; says what became of them.
        """
        wanted, pool, split = self._wanted, self._pool, self._splits[0]
        if wanted.options.is_plain or wanted.kind == "cpu":
            return []
        if findings.maker is None:
            return [f"not {acceleration.name(wanted.options)}: no sample input works"]
        if not self._budget.allows(_ACCELERATION_TRIALS * max(findings.seconds.values())):
            return [f"not {acceleration.name(wanted.options)}: {self._budget.exceeded}"]
        rows = acceleration.PROBED_ROWS if findings.is_batched else 1
        rows = min(rows, self._options.max_batch_size or rows)
        inputs = findings.maker.make(rows, seed=rows)
        try:
            plain = acceleration.Trial(pool.open(split)[0], inputs)
        except OutOfDeviceMemory as error:
            return [f"not {acceleration.name(wanted.options)}: no room to compare: {error}"]
        pool.keep_only([])
        pool.device = wanted
        objection = acceleration.objection(plain, lambda: pool.open(split)[0], inputs)
        if objection:
            pool.keep_only([])
            pool.device = replace(wanted, options=wanted.options.plain())
            return [f"not {acceleration.name(wanted.options)}: {objection}"]
        return []

    def _plan(self, findings: Findings, signature: Signature) -> ExecutionPlan:
        if findings.maker is None:
            first, notes = self._splits[0], tuple(findings.notes)
            split = first.instances, first.threads
            return ExecutionPlan(False, 1, *split, is_inline=False, cost=None, notes=notes)
        return self._inherit(findings, signature) or self._measure(findings, findings.maker)

    def _inherit(self, findings: Findings, signature: Signature) -> ExecutionPlan | None:
        """The plan of the version that serves, where it is one for this version too."""
        known, maker = self._known, findings.maker
        if known is None or maker is None or not known.has_worked():
            return None
        objection = known.objection(signature, self._options, is_batched=findings.is_batched)
        if objection:
            findings.notes.append(f"not measured against version {known.number}: {objection}")
            return None
        if known.backend is None:  # compared where it runs
            return replace(known.plan, notes=tuple(findings.notes), source="inherited")
        plan = inherit(
            known,
            self._pool.open(known.plan.split)[0],
            maker,
            first_split=self.first_split,
            budget=self._budget,
        )
        return replace(plan, notes=(*findings.notes, *plan.notes))

    def _measure(self, findings: Findings, maker: Maker) -> ExecutionPlan:
        budget = self._budget
        bounds = self._bounds(findings)

        # In another process than the version that serves, which must not miss the CPUs.
        is_beside_work = self._known is not None and self._known.backend is None

        def measure(splits: list[Split]) -> list[Measurement]:
            return calibration.measure(
                self._pool.open,
                splits,
                maker,
                cpus=self._options.cpus,
                bounds=bounds,
                budget=budget,
                stopwatch=self._stopwatch,
                progress=self._pool.verified.progress,
                is_beside_work=is_beside_work,
            )

        measurements: list[Measurement] = []
        if budget.allows(least_seconds(min(findings.seconds.values()))):
            measurements = measure(self._splits[:1] if is_beside_work else self._splits)
            best = calibration.choose(measurements)
            summary = _summary(measurements)
        else:
            best = Measurement(self._splits[0], CostLine(tuple(sorted(findings.seconds.items()))))
            summary = "not measured: the first executions say what a batch costs"
        notes = [*findings.notes, summary]
        if not is_beside_work and budget.allows(least_seconds(best.cost.points[0][1])):
            notes += pins.split_notes(best, measure(self._splits_left_out()))
        if budget.has_stopped:
            notes.append(budget.exceeded)
        if best.limit:
            notes.append(best.limit)
        if self.disturbance:
            notes.append(f"the measurement was disturbed, and is not kept: {self.disturbance}")
        plan = self._decide(best, findings, notes)
        return plan if plan.is_inline else self._widen(plan, measurements)

    def _bounds(self, findings: Findings) -> Bounds:
        rows = self._options.max_batch_size or calibration.LARGEST_BATCH
        longest = self._options.max_execution_seconds
        if longest is None and self._wanted.kind == "cuda":
            longest = CUDA_EXECUTION_SECONDS
        return Bounds(rows if findings.is_batched else 1, longest)

    def _splits_left_out(self) -> list[Split]:
        """What instances and threads could have been, had they not been pinned."""
        if self._wanted.kind != "cpu":
            return []
        every = calibration.candidate_splits(self._options.cpus, instances=None, threads=None)
        return [split for split in every if split not in self._splits]

    def _decide(self, best: Measurement, findings: Findings, notes: list[str]) -> ExecutionPlan:
        rows = best.best_rows if findings.is_batched else 1
        is_inline = self._may_run_inline() and calibration.runs_inline(
            best.cost, self._options.cpus
        )
        split = Split(1, best.split.threads) if is_inline else best.split
        notes.append(f"chose {split}")
        if is_inline:
            # Each turn of the event loop costs more than rows of so cheap a model do.
            most = best.most_rows if findings.is_batched else 1
            rows = calibration.largest_inline_batch(best.cost, self._options.cpus, most)
            notes.append("runs on the event loop: cheaper than handing it to a thread")
        if findings.is_batched and self._options.max_batch_size:
            notes += pins.batch_notes(best, rows, self._options.max_batch_size)
            rows = self._options.max_batch_size
        return ExecutionPlan(
            findings.is_batched,
            rows,
            split.instances,
            split.threads,
            is_inline,
            best.cost,
            notes=tuple(notes),
        )

    def _widen(self, plan: ExecutionPlan, measurements: list[Measurement]) -> ExecutionPlan:
        """With what becomes of an execution that has all CPUs to itself, where that was measured
        and the plan leaves CPUs idle then.
        """
        split = Split(1, whole_cpus(self._options.cpus))
        wide = next((m.cost for m in measurements if m.split == split), None)
        if wide is None or plan.cost is None or plan.instances == 1:
            return plan
        found, note = widening.widen(plan.cost, wide, split.threads)
        return replace(plan, wide=found, notes=(*plan.notes, note))

    def _may_run_inline(self) -> bool:
        return (
            self._wanted.kind == "cpu"
            and self._options.instances is None
            and not self._options.waits_for_batches
        )


def open_splits(options: LoadOptions, device: Device) -> list[Split]:
    """The ways to divide the CPUs that no setting closes."""
    if device.kind != "cpu":
        return [Split(options.instances or 1, options.threads or 1)]
    return calibration.candidate_splits(
        options.cpus, instances=options.instances, threads=options.threads
    )


def _summary(measurements: list[Measurement]) -> str:
    figures = ", ".join(
        f"{m.split}: {_rate(m.best_throughput)} rows/s in batches of {m.best_rows}"
        for m in measurements
    )
    return f"measured instances x threads: {figures}"


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}" if per_second >= 100 else f"{per_second:.3g}"
