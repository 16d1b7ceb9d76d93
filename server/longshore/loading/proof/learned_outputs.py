"""The outputs of a TorchScript model, which only a run tells."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator

from msgspec.structs import replace

from longshore.backends.base import Backend, Device
from longshore.backends.registry import create_backend
from longshore.batching.padding import PaddingPlan
from longshore.errors import LongshoreError, ModelLoadError
from longshore.loading.budget import Budget
from longshore.loading.proof.declared_padding import client_signature, declared_padding
from longshore.loading.proof.sample_inputs import (
    SampleMaker,
    candidate_dimensions,
    find_sample_maker,
)
from longshore.repository.integrity import VerifiedArtifact
from longshore.repository.layout import ArtifactFormat
from longshore.repository.model_config import ModelConfig, ModelOutput
from longshore.tensors import Array, Datatype, LeftOut, Tensors

logger = logging.getLogger(__name__)

Answer = tuple[Tensors, tuple[LeftOut, ...]]


def learn_outputs(
    verified: VerifiedArtifact, config: ModelConfig, *, threads: int, budget: Budget | None = None
) -> tuple[ModelConfig, tuple[LeftOut, ...]]:
    """`config` with the outputs that the model gives on the CPU, and what it gives besides; as it
    is where the artifact or the config itself says the outputs.

    Raises:
        ModelLoadError: the artifact is refused, or no sample input works.
        ModelConfigError: the declared inputs do not fit.
    """
    artifact = verified.artifact
    is_told = artifact.format is not ArtifactFormat.TORCHSCRIPT or config.output
    if is_told or not config.input:
        return config, ()
    budget = budget or Budget(math.inf)
    with budget.paused():
        backend = create_backend(verified, config=config, device=Device("cpu"), threads=threads)
    try:
        answers = _answers(backend, config, budget)
    finally:
        backend.close()
    outputs, left_out = answers[0]
    for part in left_out:
        logger.warning("%s: not served: %s", artifact.path, part)
    if not outputs:
        reasons = "; ".join(map(str, left_out))
        raise ModelLoadError(f"{artifact.path}: no output can be served: {reasons}")
    learned = [
        _declaration(name, [found[name] for found, _ in answers if name in found], config)
        for name in outputs
    ]
    return replace(config, output=tuple(learned)), left_out


def _answers(backend: Backend, config: ModelConfig, budget: Budget) -> list[Answer]:
    """To inputs of several sizes: what differs between them varies."""
    declared = declared_padding(config, backend.signature)
    masks = PaddingPlan({}, declared.masks) if declared else None

    def run(inputs: Tensors) -> Answer:
        return backend.execute_all(masks.combine([inputs]) if masks else inputs)

    signature = client_signature(backend.signature, declared)
    errors: list[Exception] = []
    maker = find_sample_maker(signature, run, errors)
    if maker is None:
        reason = str(errors[-1])
        raise ModelLoadError(
            f"{config.file}: output: missing, and no run tells it, since no sample input works: "
            f"{reason}; correct the inputs, or declare the outputs"
        )
    started = budget.clock()
    answers = [run(maker.make(1, seed=0))]
    seconds = budget.clock() - started
    for inputs in _others(maker):
        if not budget.allows(seconds):
            break
        try:
            answers.append(run(inputs))
        except LongshoreError:  # a size that the model does not take tells nothing
            continue
    return answers


def _others(maker: SampleMaker) -> Iterator[Tensors]:
    yield maker.make(2, seed=1)
    for dimension in candidate_dimensions(maker.signature):
        if dimension != maker.dimension:
            yield replace(maker, dimension=dimension).make(1, seed=2)


def _declaration(name: str, found: list[Array], config: ModelConfig) -> ModelOutput:
    first = found[0]
    where = f"{config.file}: output: '{name}'"
    if any(array.ndim != first.ndim for array in found):
        shapes = ", ".join(sorted({str(list(array.shape)) for array in found}))
        raise ModelLoadError(
            f"{where} has another number of dimensions for other inputs: {shapes}; keep it the "
            "same in the model (as by `squeeze` with a dimension)"
        )
    sizes = [{array.shape[axis] for array in found} for axis in range(first.ndim)]
    dims = tuple(size.pop() if len(size) == 1 and size != {0} else -1 for size in sizes)
    if config.max_batch_size:
        if dims[:1] != (-1,):
            raise ModelLoadError(
                f"{where} has shape {list(first.shape)}, and no batch axis as max_batch_size > 0 "
                "promises; set max_batch_size: 0"
            )
        dims = dims[1:]
    return ModelOutput(name, Datatype.of(first), dims)
