"""Kubernetes resource quantities, such as 500m, 1.5 and 2Gi."""

from __future__ import annotations

import re
from decimal import Decimal

SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
}


def parse(quantity: str | int | float) -> Decimal:
    """The plain number: cores for CPU, bytes for memory; ValueError for another spelling."""
    found = re.fullmatch(r"([+-]?[0-9.]+(?:e[0-9]+)?)([a-zA-Z]*)", str(quantity))
    if found is None or found[2] not in SUFFIXES:
        raise ValueError(f"quantity {quantity!r} is not a number with one of {list(SUFFIXES)}")
    return Decimal(found[1]) * SUFFIXES[found[2]]
