"""Whether it is the model or its inputs that a failed execution speaks of."""

from __future__ import annotations

import logging
from collections.abc import Callable

from longshore.backends.base import Backend
from longshore.batching.batch import Batch
from longshore.errors import InvalidRequest
from longshore.tensors import Tensors

logger = logging.getLogger(__name__)


def runs_sample(
    backend: Backend, sample: Callable[[], Tensors], output_names: tuple[str, ...]
) -> bool:
    """Whether the model still answers the input that it was seen to answer."""
    try:
        backend.execute(sample(), output_names)
    except BaseException as error:  # SystemExit too, as of any execution
        logger.error("the model fails on its own sample: %s", error)
        return False
    return True


def with_shapes(message: str, batch: Batch) -> InvalidRequest:
    """`message`, with the inputs that the one client of `batch` sent."""
    inputs = batch.parts[0].request.inputs
    shapes = ", ".join(f"'{name}' {list(array.shape)}" for name, array in inputs.items())
    return InvalidRequest(f"{message}; given: {shapes}")
