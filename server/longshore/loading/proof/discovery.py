"""Finding out, by trying a model, which inputs it takes and whether requests may share a batch."""

from __future__ import annotations

import logging
from collections.abc import Callable

from longshore.backends.base import Backend
from longshore.batching.padding import PaddingPlan
from longshore.errors import ModelLoadError
from longshore.loading.proof.batch_proof import prove_batching
from longshore.loading.proof.declared_padding import client_signature, declared_padding
from longshore.loading.proof.declared_signature import check_outputs
from longshore.loading.proof.findings import Findings
from longshore.loading.proof.padding_proof import prove_padding
from longshore.loading.proof.sample_inputs import (
    SAFE_INTEGER_BOUNDS,
    SampleMaker,
    find_sample_maker,
)
from longshore.repository.model_config import ModelConfig
from longshore.tensors import Signature, Tensors

logger = logging.getLogger(__name__)

Run = Callable[[Tensors], Tensors]
"""Runs a model on inputs as clients send them."""


def find_out(
    backend: Backend,
    whole: Signature,
    config: ModelConfig,
    *,
    is_forbidden: bool,
    open_on_cpu: Callable[[], Backend],
) -> Findings:
    """Try `backend`; `whole` is its signature, masks included, and `is_forbidden` says that a
    setting forbids batching.

    Raises:
        ModelConfigError: the config does not fit what the model gave.
    """
    declared = declared_padding(config, whole)
    signature = client_signature(whole, declared)
    masks = PaddingPlan({}, declared.masks) if declared else None

    def run_of(backend: Backend) -> Run:
        names = whole.output_names
        return lambda inputs: backend.execute(masks.combine([inputs]) if masks else inputs, names)

    run = run_of(backend)
    if backend.device.kind == "cpu":
        maker, reason = find_sample_maker(signature, run)
    else:
        maker, reason = _find_on_cpu_first(signature, run, run_of, open_on_cpu)
    if maker is None:
        problem = f"no sample input works: {reason}"
        return Findings(None, declared, is_batched=False, notes=[problem], run_problem=problem)
    check_outputs(config, whole, run(maker.make(1, seed=0)))
    objection = _objection_to_batching(signature, run, maker, config, is_forbidden=is_forbidden)
    if objection:
        notes = [f"not batched: {objection}"]
        return Findings(maker, declared, is_batched=False, notes=notes)
    if declared is None:
        return Findings(maker, None, is_batched=True)
    padding, reason = prove_padding(declared, run, maker)
    notes = [] if padding else [f"not padded: {reason}"]
    return Findings(maker, declared, is_batched=True, padding=padding, notes=notes)


def _objection_to_batching(
    signature: Signature,
    run: Run,
    maker: SampleMaker,
    config: ModelConfig,
    *,
    is_forbidden: bool,
) -> str:
    if is_forbidden or config.batching == "forbidden":
        return "the configuration forbids it"
    if config.batching == "vouched":
        return ""
    proof = prove_batching(signature, run, maker)
    return "" if proof.is_proven else proof.reason


def _find_on_cpu_first(
    signature: Signature,
    run: Run,
    run_of: Callable[[Backend], Run],
    open_on_cpu: Callable[[], Backend],
) -> tuple[SampleMaker | None, str]:
    """On the CPU an index too large is an exception: on a GPU it is an assertion that costs the
    process its device.
    """
    try:
        backend = open_on_cpu()
    except ModelLoadError as error:
        logger.info("no sample inputs tried on the CPU: %s", error)
    else:
        maker, _ = find_sample_maker(signature, run_of(backend))
        backend.close()
        if maker is not None:
            return maker, ""
    return find_sample_maker(signature, run, integer_bounds=SAFE_INTEGER_BOUNDS)
