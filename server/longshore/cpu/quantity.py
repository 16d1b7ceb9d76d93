"""Quantities of CPUs, in parts too, as Kubernetes writes them."""

from __future__ import annotations

import re
from math import ceil, inf

TEXT_PATTERN = r"^([0-9]*[1-9][0-9]*(\.[0-9]*)?|[0-9]*\.[0-9]*[1-9][0-9]*)m?$"
"""A decimal number above 0, or such a number of thousandths with an `m` behind it."""
FINEST = 0.001


class CpuQuantity(float):
    """A number of CPUs above 0."""

    __slots__ = ()


def parse_cpus(value: str | float) -> CpuQuantity:
    """`500m`, `1.5` or `2`; below a thousandth it is one, as Kubernetes rounds.

    Source: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#meaning-of-cpu

    Raises:
        ValueError: it is none of them, or not above 0.
    """
    if isinstance(value, str):
        number = _parse_text(value) if re.fullmatch(TEXT_PATTERN, value) else 0.0
    else:
        number = float(value)
    if not 0 < number < inf:
        raise ValueError(f"{value!r} is not a number of CPUs above 0")
    return CpuQuantity(max(number, FINEST))


def _parse_text(text: str) -> float:
    return float(text.removesuffix("m")) / (1000 if text.endswith("m") else 1)


def whole_cpus(cpus: float) -> int:
    """Threads that can use `cpus` CPUs to the full: rounded up, at least 1."""
    return max(1, ceil(cpus))
