"""Whether two executions gave the same, each element judged by what its own column holds.

Kernels for different batch sizes add up in different orders, so floats are compared within a
tolerance. One for a whole output would let its largest column hide the others: a timestamp a score,
a logit of 1e4 a probability. A column is one position of the output, over all rows.
"""

from __future__ import annotations

import numpy as np

from longshore.tensors import Array

TOLERANCES = {2: 1e-2, 4: 1e-3, 8: 1e-6}
"""By bytes of the float; relative to the element or to the column's median, whichever is larger, so
that neither one large row hides the others nor chance makes an element too small to compare."""
_WHOLE_NUMBER_TOLERANCE = 0.25
"""Of a column of whole numbers: identities, counts, labels. The next number is another answer."""


def tolerances(rows: Array) -> Array:
    """How far each element of `rows` (rows on axis 0) may be from another execution's."""
    if rows.dtype.kind != "f":
        return np.zeros(rows.shape)
    sizes = np.abs(np.where(np.isfinite(rows), rows, 0)).astype(np.float64)
    largest = sizes.max(axis=0)
    median = np.median(sizes, axis=0)
    # A column that is mostly 0 (what a ReLU cuts off) says more by its largest element.
    scale = np.maximum(sizes, np.where(median > 0, median, largest))
    scale = np.where(largest > 0, scale, _zero_scale(rows.dtype, sizes))
    allowed: Array = TOLERANCES[rows.dtype.itemsize] * scale
    exact = 2.0 ** np.finfo(rows.dtype).nmant
    is_whole = (rows == np.round(rows)).all(axis=0) & (largest < exact)
    return np.where(is_whole, np.minimum(allowed, _WHOLE_NUMBER_TOLERANCE), allowed)


def agrees(found: Array, wanted: Array, allowed: Array) -> bool:
    """Whether two arrays of one shape are equal, floats within `allowed`."""
    return first_difference(found, wanted, allowed) is None


def first_difference(found: Array, wanted: Array, allowed: Array) -> str | None:
    """The first element that differs, in words; `None` when none does."""
    if found.dtype.kind == "f":
        with np.errstate(invalid="ignore"):  # infinities: equal ones differ by nan
            is_near = np.abs(found.astype(np.float64) - wanted) <= allowed
        is_equal = is_near | (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    else:
        is_equal = np.asarray(found == wanted)
    if is_equal.all():
        return None
    index = tuple(int(axis[0]) for axis in np.nonzero(~is_equal)) if is_equal.ndim else ()
    return f"{_shown(wanted[index])} alone, {_shown(found[index])} together"


def _zero_scale(dtype: np.dtype[np.floating], sizes: Array) -> float:
    """For columns of nothing but 0: what a probability that vanished may still be."""
    tolerance = TOLERANCES[dtype.itemsize]
    return float(np.finfo(dtype).eps) * min(1.0, float(sizes.max(initial=0.0))) / tolerance


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, np.floating) else repr(value)
