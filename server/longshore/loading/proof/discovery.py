"""Finding out, by trying a model, which inputs it takes and whether requests may share a batch."""

from __future__ import annotations

import logging
from collections.abc import Callable

from longshore.backends.base import Backend
from longshore.batching.padding import PaddingPlan
from longshore.errors import ModelLoadError
from longshore.loading.budget import Budget, BudgetSpent
from longshore.loading.proof.batch_proof import executions_of_proof, prove_batching
from longshore.loading.proof.declared_padding import client_signature, declared_padding
from longshore.loading.proof.declared_signature import check_outputs
from longshore.loading.proof.findings import Findings
from longshore.loading.proof.padding_proof import prove_padding
from longshore.loading.proof.recorded_samples import recorded_maker, run_recorded
from longshore.loading.proof.sample_files import read_recorded
from longshore.loading.proof.sample_inputs import SAFE_INTEGER_BOUNDS, Maker, SampleMaker
from longshore.loading.proof.sample_search import SampleSearch, search_samples
from longshore.loading.proof.trial_run import TrialRun
from longshore.repository.integrity import VerifiedArtifact
from longshore.repository.model_config import ModelConfig
from longshore.tensors import Signature, Tensors

logger = logging.getLogger(__name__)


class Discovery:
    """What is tried on one artifact. `whole` is its signature, masks included; `is_forbidden` says
    that a setting forbids batching.

    Raises:
        ModelLoadError, ModelConfigError: a sample that was recorded cannot be read.
    """

    def __init__(
        self,
        verified: VerifiedArtifact,
        config: ModelConfig,
        whole: Signature,
        *,
        budget: Budget,
        is_forbidden: bool,
    ) -> None:
        self._verified = verified
        self._config = config
        self.whole = whole
        self._budget = budget
        self._is_forbidden = is_forbidden
        self._declared = declared_padding(config, whole)
        self._signature = client_signature(whole, self._declared)
        self._recorded = read_recorded(verified.artifact, config, self._signature)

    def find_out(self, backend: Backend, open_on_cpu: Callable[[], Backend]) -> Findings:
        """Try `backend`, and where that is a GPU's one that `open_on_cpu` opens before it; then
        prove what it may share.

        Raises:
            ModelLoadError: the model fails on a recorded sample, or whatever it is given.
            ModelConfigError: the config does not fit what the model gave.
        """
        run = self.trial(backend)
        findings = self.see_it_run(run, open_on_cpu)
        if findings.sample is None:
            return findings
        try:
            findings.is_batched = self._prove(run, findings.sample, findings)
        except BudgetSpent as error:
            findings.notes.append(f"not batched: the proof was not finished: {error}")
            findings.is_complete = False
        return findings

    def see_it_run(self, run: TrialRun, open_on_cpu: Callable[[], Backend]) -> Findings:
        """Inputs that the model takes, and whether what it gives is what was declared.

        Raises:
            ModelLoadError, ModelConfigError: as `find_out`.
        """
        recorded = recorded_maker(run_recorded(self._recorded, run), self._signature)
        search = self._search(run, open_on_cpu)
        maker: Maker | None = search.maker or recorded
        if maker is None:
            return self._without_samples(search)
        outputs = run.outputs if run.outputs is not None else run(maker.make(1, seed=0))
        check_outputs(self._config, self.whole, outputs)
        self._check_types(outputs)
        return Findings(maker, self._declared, is_batched=False, seconds=run.seconds)

    def recorded_maker(self) -> Maker | None:
        """Of the recorded samples, all of which were run before."""
        return recorded_maker([sample.inputs for sample in self._recorded], self._signature)

    def run_recorded(self, backend: Backend) -> None:
        """Raises:
        ModelLoadError: the model fails on a recorded sample.
        """
        run_recorded(self._recorded, self.trial(backend))

    def _check_types(self, outputs: Tensors) -> None:
        """What the artifact says of its outputs is what clients are told."""
        for spec in self.whole.outputs:
            found = outputs[spec.name].dtype
            if found != spec.datatype.numpy_dtype:
                raise ModelLoadError(
                    f"{self._verified.artifact.path}: output '{spec.name}' is declared "
                    f"{spec.datatype}, and the model gives {found}"
                )

    def trial(self, backend: Backend) -> TrialRun:
        masks = PaddingPlan({}, self._declared.masks) if self._declared else None
        return TrialRun(backend, self.whole, masks, self._budget, self._verified.progress)

    def _search(self, run: TrialRun, open_on_cpu: Callable[[], Backend]) -> SampleSearch:
        """On the CPU an index too large is an exception: on a GPU it is an assertion that costs the
        process its device.
        """
        if run.backend.device.kind == "cpu":
            return search_samples(self._verified, self._signature, run)
        try:
            on_cpu = open_on_cpu()
        except ModelLoadError as error:
            logger.info("no sample inputs tried on the CPU: %s", error)
        else:
            try:
                search = search_samples(self._verified, self._signature, self.trial(on_cpu))
            finally:
                on_cpu.close()
            if search.has_run or search.fails_always:
                return search
        return search_samples(
            self._verified, self._signature, run, integer_bounds=SAFE_INTEGER_BOUNDS
        )

    def _without_samples(self, search: SampleSearch) -> Findings:
        if search.fails_always and not (search.is_inferred and self._config.startup == "vouched"):
            raise ModelLoadError(f"{self._verified.artifact.path}: {search.defect()}")
        note = f"no sample input works: {search.reason}"
        if search.has_run:
            note = f"not batched, not measured: no random input works: {search.reason}"
        return Findings(
            None,
            self._declared,
            is_batched=False,
            notes=[note],
            run_problem="" if search.has_run else note,
        )

    def _prove(self, run: TrialRun, maker: Maker, findings: Findings) -> bool:
        """Whether the model is batched; what stands against it becomes a note.

        Raises:
            BudgetSpent: before that was known.
        """
        objection = self._objection_to_batching(run, maker)
        if objection:
            findings.notes.append(f"not batched: {objection}")
            return False
        if self._declared is not None:
            findings.padding, reason = self._prove_padding(run, maker)
            findings.notes += [f"not padded: {reason}"] if reason else []
        return True

    def _objection_to_batching(self, run: TrialRun, maker: Maker) -> str:
        if self._is_forbidden or self._config.batching == "forbidden":
            return "the configuration forbids it"
        if self._config.batching == "vouched":
            return ""
        if self._budget.allows(run.expected_seconds(1)):
            run(maker.make(1, seed=0))  # the first execution of a model is slower than others
        self._budget.demand(executions_of_proof() * run.expected_seconds(1))
        proof = prove_batching(self._signature, run, maker)
        return "" if proof.is_proven else proof.reason

    def _prove_padding(self, run: TrialRun, maker: Maker) -> tuple[PaddingPlan | None, str]:
        assert self._declared is not None
        if not isinstance(maker, SampleMaker):
            return None, "padding is proven with random inputs, and none works"
        try:
            return prove_padding(self._declared, run, maker)
        except BudgetSpent as error:
            return None, f"the proof was not finished: {error}"
