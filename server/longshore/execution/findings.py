"""What is found out about a model before it is measured: inputs that it takes, and whether requests
may share a batch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from longshore.backends.base import Backend
from longshore.batching.padding import PaddingPlan
from longshore.errors import ModelLoadError
from longshore.execution.batch_proof import prove_batching
from longshore.execution.declared_signature import check_outputs
from longshore.execution.padding_proof import client_signature, declared_padding, prove_padding
from longshore.execution.sample_inputs import (
    SAFE_INTEGER_BOUNDS,
    Maker,
    MaskedMaker,
    SampleMaker,
    find_sample_maker,
)
from longshore.repository.model_config import ModelConfig
from longshore.tensors import Signature, Tensors

logger = logging.getLogger(__name__)

Run = Callable[[Tensors], Tensors]
"""Runs a model on inputs as clients send them."""


@dataclass(slots=True)
class Findings:
    """What trying a model told of it."""

    maker: Maker | None
    """Of inputs as the backend takes them, masks included; `None` when none work."""
    is_batched: bool
    padding: PaddingPlan | None
    notes: list[str] = field(default_factory=list)


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
        return Findings(None, False, None, [f"no sample input works: {reason}"])
    check_outputs(config, whole, run(maker.make(1, seed=0)))
    whole_maker = MaskedMaker(maker, masks) if masks else maker
    if is_forbidden or config.batching == "forbidden":
        return Findings(whole_maker, False, None, ["not batched: the configuration forbids it"])
    if config.batching != "vouched":
        proof = prove_batching(signature, run, maker)
        if not proof.is_proven:
            return Findings(whole_maker, False, None, [f"not batched: {proof.reason}"])
    if declared is None:
        return Findings(whole_maker, True, None)
    padding, reason = prove_padding(declared, run, maker)
    return Findings(whole_maker, True, padding, [] if padding else [f"not padded: {reason}"])


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
