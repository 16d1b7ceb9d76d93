"""From an artifact to backends that are ready to run, and the plan by which to run them."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from longshore.backends.base import Backend, CudaOptions
from longshore.backends.devices.selection import resolve_device
from longshore.backends.registry import examine
from longshore.cpu.quantity import whole_cpus
from longshore.errors import ModelLoadError, NoDeviceMemory, OutOfDeviceMemory
from longshore.loading import widening
from longshore.loading.backend_pool import BackendPool
from longshore.loading.budget import Budget
from longshore.loading.load_options import LoadOptions
from longshore.loading.loaded_model import Beside, LoadedModel
from longshore.loading.plan import ExecutionPlan, Split
from longshore.loading.proof.declared_padding import client_signature
from longshore.loading.proof.declared_signature import check_device, declared_signature
from longshore.loading.proof.findings import Findings
from longshore.loading.proof.sample_inputs import Maker
from longshore.loading.records.calibration_cache import CalibrationCache
from longshore.loading.records.calibration_record import CalibrationRecord, device_name
from longshore.loading.records.conditions import Conditions
from longshore.loading.records.recorded_calibrations import RecordedCalibrations
from longshore.progress import Progress
from longshore.repository.artifact import SAMPLES_FILE, Artifact
from longshore.repository.integrity import VerifiedArtifact, open_verified
from longshore.repository.layout import ArtifactFormat
from longshore.repository.model_config import ModelConfig
from longshore.tensors import LeftOut

logger = logging.getLogger(__name__)

if TYPE_CHECKING:  # most starts remember what was found out
    from longshore.loading.measurement.inheritance import KnownVersion
    from longshore.loading.proof.discovery import Discovery
    from longshore.loading.records.trial_findings import TrialFindings


def load_model(
    artifact: Artifact,
    config: ModelConfig,
    options: LoadOptions,
    progress: Progress | None = None,
    *,
    beside: Beside | None = None,
    tried: TrialFindings | None = None,
) -> LoadedModel:
    """Load, prove batching, calibrate; runs on a worker thread and takes seconds. The files are
    opened once for all of it, and what was learned is kept only if they are still the same.
    `beside` is a version that is ready meanwhile; what another process has `tried` is neither tried
    nor measured again.

    Raises:
        ModelLoadError: the artifact is refused or broken, or the device is not there.
        NoDeviceMemory: the device has no room for it.
        ArtifactChanged: a file of it changed meanwhile.
        ModelConfigError: the config does not fit the artifact.
    """
    known = None if beside is None else _known(beside, options)
    load, loaded = run_load(artifact, config, options, progress, known=known, tried=tried)
    load.keep_record()
    return loaded


def run_load(
    artifact: Artifact,
    config: ModelConfig,
    options: LoadOptions,
    progress: Progress | None = None,
    *,
    known: KnownVersion | None = None,
    tried: TrialFindings | None = None,
) -> tuple[VersionLoad, LoadedModel]:
    """As `load_model`, which keeps what was learned; `known` is ready meanwhile."""
    seen = None if tried is None else tried.seen
    with ExitStack() as undo:
        with open_verified(artifact, progress, seen) as verified:
            load = VersionLoad(verified, config, options.with_config(config), tried)
            if load.wanted_device.kind == "cpu":
                load.known = known
            undo.callback(load.pool.keep_only, [])
            try:
                loaded = load.run()
            except OutOfDeviceMemory as error:  # of the smallest execution that is tried
                raise NoDeviceMemory(f"{artifact.path}: {error}") from error
        undo.pop_all()
    return load, loaded


def _known(beside: Beside, options: LoadOptions) -> KnownVersion:
    from longshore.loading.measurement.inheritance import KnownVersion  # seldom

    loaded = beside.loaded
    return KnownVersion(
        loaded.artifact.version,
        loaded.signature,
        loaded.plan,
        loaded.backends[0],
        loaded.maker,
        options.with_config(loaded.config),
        beside.has_worked,
    )


class VersionLoad:
    """The steps of one load."""

    def __init__(
        self,
        verified: VerifiedArtifact,
        config: ModelConfig,
        options: LoadOptions,
        tried: TrialFindings | None = None,
    ) -> None:
        self.started = time.perf_counter()
        self.artifact = artifact = verified.artifact
        self.verified = verified
        self.budget = Budget(options.calibration_budget_seconds)
        self.tried = tried
        self.left_out: tuple[LeftOut, ...] = ()
        if tried is not None:
            config, self.left_out = replace(config, output=tried.outputs), tried.left_out
        elif artifact.format is ArtifactFormat.TORCHSCRIPT and config.input and not config.output:
            from longshore.loading.proof.learned_outputs import learn_outputs  # most declare them

            config, self.left_out = learn_outputs(
                verified, config, threads=whole_cpus(options.cpus), budget=self.budget
            )
        self.config = config
        self.options = options
        self.wanted_device = resolve_device(
            options.device,
            format=artifact.format,
            options=options.cuda,
            health=options.device_health,
        )
        check_device(config, self.wanted_device)
        self.pool = BackendPool(verified, config, self.wanted_device)
        self.conditions = Conditions(verified, config, options, self.wanted_device)
        self.record: CalibrationRecord | None = None
        """Of what was learned, unless an earlier start had, or it is not to be kept."""
        self.disturbance = ""
        """Why it is not, in a clause, when others disturbed the measurement."""
        self.known: KnownVersion | None = None
        """What is ready meanwhile on the same CPUs."""
        self.load_seconds = 0.0
        self.findings = Findings(None, None, is_batched=False)
        """Of `run`."""

    def run(self) -> LoadedModel:
        if self.tried is None:
            examine(self.verified)  # a record is found by the digest of all bytes
        findings, plan = self._take_over() or self._remember() or self._learn()
        backends = self.pool.open(plan.split)
        wide, plan = self._open_wide(plan)
        self.pool.keep_only(backends, *([] if wide is None else [wide]))
        self.findings = findings
        for backend in backends if wide is None else [*backends, wide]:
            backend.limit_rows(plan.max_batch_size)
            if findings.maker is not None:
                backend.sample = partial(findings.maker.make, 1, 0)
        return LoadedModel(
            self.artifact,
            self.config,
            client_signature(self.signature, findings.padding),
            backends,
            plan,
            findings.padding if plan.is_batched else None,
            findings.maker,
            load_seconds=self.load_seconds,
            calibration_seconds=time.perf_counter() - self.started - self.load_seconds,
            run_problem=findings.run_problem,
            wide=wide,
            is_provisional=self._is_provisional(findings, plan),
        )

    def _open_wide(self, plan: ExecutionPlan) -> tuple[Backend | None, ExecutionPlan]:
        """What lone executions run on, and the plan, without it where there is no room."""
        if plan.wide is None:
            return None, plan
        objection = widening.objection(self.artifact)
        if objection:
            return None, replace(plan, wide=None, notes=(*plan.notes, objection))
        return self.pool.open(Split(1, plan.wide.threads))[0], plan

    def _is_provisional(self, findings: Findings, plan: ExecutionPlan) -> bool:
        is_found_out_now = plan.source in ("measured", "inherited") and plan.cost is not None
        return is_found_out_now and self.record is None and findings.can_be_kept

    def _take_over(self) -> tuple[Findings, ExecutionPlan] | None:
        """What another process found out about these very files."""
        if self.tried is None:
            return None
        record = self.tried.record
        first = self._open_first(record.plan.split, record.cuda)
        try:
            findings = record.findings(self.config, self.signature)
        except ValueError as error:
            raise ModelLoadError(f"{self.artifact.path}: the trial's findings: {error}") from error
        findings.run_problem = self.tried.run_problem
        if findings.sample is None and self._has_recorded_samples:
            findings.sample = self._discovery().recorded_maker()
        plan = record.plan
        if plan.source == "inherited" and self.known is not None and findings.maker is not None:
            plan = self._compare(first, findings.maker, self.known, plan)
        elif self.tried.is_kept:
            self.record = record
        return findings, plan

    def _compare(
        self, backend: Backend, maker: Maker, known: KnownVersion, plan: ExecutionPlan
    ) -> ExecutionPlan:
        """The plan of `known`, which clients use meanwhile; in turns with it, for milliseconds."""
        from longshore.loading.measurement.inheritance import inherit
        from longshore.loading.measurement.learner import open_splits

        first_split = open_splits(self.options, self.wanted_device)[0]
        found = inherit(known, backend, maker, first_split=first_split, budget=self.budget)
        return replace(found, notes=(*plan.notes, *found.notes))

    def _remember(self) -> tuple[Findings, ExecutionPlan] | None:
        """What an earlier start or another pod learned, where it holds for this device."""
        record = CalibrationCache(self.options, self.conditions).read()
        found = self._recall(record) if record else None
        if found is None and self.options.model_root is not None:
            record = RecordedCalibrations(self.options.model_root, self.conditions).read()
            found = self._recall(record) if record else None
        return found

    def _recall(self, record: CalibrationRecord) -> tuple[Findings, ExecutionPlan] | None:
        first = self._open_first(record.plan.split, record.cuda)
        if device_name(first) != record.device_name:
            self.pool.keep_only([])
            return None
        try:
            findings = record.findings(self.config, self.signature)
        except ValueError as error:
            logger.warning("%s calibration ignored: error=%s", record.plan.source, error)
            self.pool.keep_only([])
            return None
        if self._has_recorded_samples:  # files that are no part of what the record is of
            self._discovery().run_recorded(first)
        return findings, record.plan

    def _learn(self) -> tuple[Findings, ExecutionPlan]:
        from longshore.loading.measurement.learner import Learner  # most starts remember

        learner = Learner(self.pool, self.options, self.wanted_device, self.budget, self.known)
        self._open_first(learner.first_split, self.wanted_device.options.plain())
        findings, plan = learner.learn(self._discovery())
        self.disturbance = learner.disturbance
        if self.disturbance and plan.source == "measured" and plan.cost is not None:
            self._warn()
        if not self.disturbance and plan.cost is not None and findings.can_be_kept:
            backend = self.pool.open(plan.split)[0]
            self.record = CalibrationRecord.of(plan, findings, backend)
        return findings, plan

    def _warn(self) -> None:
        logger.warning(
            "measurement disturbed, not kept: name=%s version=%s reason=%s",
            self.artifact.model_name,
            self.artifact.version,
            self.disturbance,
        )

    def _discovery(self) -> Discovery:
        from longshore.loading.proof.discovery import Discovery

        return Discovery(
            self.verified,
            self.config,
            self.signature,
            budget=self.budget,
            is_forbidden=self.options.max_batch_size == 0,
        )

    @property
    def _has_recorded_samples(self) -> bool:
        return bool(self.config.model_warmup) or SAMPLES_FILE in self.artifact.files

    def keep_record(self) -> None:
        if self.record is not None:
            CalibrationCache(self.options, self.conditions).write(self.record)

    def _open_first(self, split: Split, options: CudaOptions) -> Backend:
        """Open the model and read what it says of itself."""
        self.pool.device = replace(self.wanted_device, options=options)
        with self.budget.paused():
            first = self.pool.open(split)[0]
        self.load_seconds = time.perf_counter() - self.started
        signature = declared_signature(self.config, first.signature)
        self.signature = replace(signature, left_out=(*signature.left_out, *self.left_out))
        return first
