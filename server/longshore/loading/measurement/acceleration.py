"""A faster way to run a model is measured: it is kept when it is faster, and right.

Lower precision and compilation change the numbers that a model gives. How far they may is stated
here, relative to the largest value of an output, as for the proof of batching.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from longshore.backends.base import Backend, CudaOptions, Precision
from longshore.errors import DeviceLost, LongshoreError
from longshore.tensors import Array, Tensors

logger = logging.getLogger(__name__)

PROBED_ROWS = 16
TOLERANCES: dict[Precision, float] = {"float32": 1e-3, "tf32": 5e-3, "fp16": 1e-2, "bf16": 5e-2}
"""Unit roundoff is 2^-24, 2^-11, 2^-11 and 2^-8; the rest is for the depth of the model."""


class Trial:
    """What a backend gives for `inputs`, and how long the device takes for it."""

    def __init__(self, backend: Backend, inputs: Tensors) -> None:
        names = backend.signature.output_names
        backend.prepare(inputs)
        self.outputs = backend.execute(inputs, names)
        self.seconds = backend.device_seconds(inputs, names) or 0.0


def name(options: CudaOptions) -> str:
    """What `options` ask for, as a word that follows "not"."""
    precision = "" if options.precision == "float32" else f"in {options.precision}"
    return " ".join(filter(None, ("compiled" if options.compiles else "", precision)))


def objection(plain: Trial, load: Callable[[], Backend], inputs: Tensors) -> str:
    """Why the backend that `load` opens is not worth having; empty when it is.

    Raises:
        ModelLoadError: the file cannot be run that way at all.
        DeviceLost: the attempt cost the device.
    """
    backend = load()
    options = backend.device.options
    try:
        trial = Trial(backend, inputs)
    except DeviceLost:
        raise
    except LongshoreError as error:
        return f"it does not run: {error}"
    difference = max(
        (_difference(trial.outputs[name], plain.outputs[name]) for name in plain.outputs),
        default=0.0,
    )
    tolerance = TOLERANCES[options.precision]
    if not difference <= tolerance:
        return f"answers differ by {difference:.2g}, above the tolerance of {tolerance:g}"
    if trial.seconds >= plain.seconds:
        return f"it takes {trial.seconds:.3g} s, and {plain.seconds:.3g} s without"
    logger.info(
        "%s: %.3g s instead of %.3g s, answers differ by %.2g",
        name(options),
        trial.seconds,
        plain.seconds,
        difference,
    )
    return ""


def _difference(found: Array, wanted: Array) -> float:
    """Largest difference, relative to the largest value; infinite where the two do not compare."""
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        return float("inf")
    if found.dtype.kind != "f":
        return 0.0 if np.array_equal(found, wanted) else float("inf")
    if not np.array_equal(np.isfinite(found), np.isfinite(wanted)):
        return float("inf")
    finite = np.isfinite(wanted)
    scale = float(np.max(np.abs(wanted[finite]), initial=0.0))
    return float(np.max(np.abs(found[finite] - wanted[finite]), initial=0.0)) / (scale or 1.0)
