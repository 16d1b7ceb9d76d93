"""Random tensors of every datatype, and the model that would take and give them."""

from __future__ import annotations

import string
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from longshore.tensors import Array, Datatype, Signature, Tensors, TensorSpec

SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=4)


def echo(tensors: Tensors) -> Signature:
    """The signature of a model that gives back what it takes; every size of the first axis fits."""
    specs = tuple(
        TensorSpec(
            name,
            Datatype.of(array),
            tuple(-1 if axis == 0 else size for axis, size in enumerate(array.shape)),
        )
        for name, array in tensors.items()
    )
    return Signature(specs, specs)


@st.composite
def arrays(draw: st.DrawFn, *, text: bool = False, finite: bool = False) -> Array:
    """An array of any datatype; `text` keeps BYTES to UTF-8, `finite` keeps floats to JSON."""
    datatype = draw(st.sampled_from(list(Datatype)))
    shape = draw(SHAPES)
    if datatype is Datatype.BYTES:
        element = st.text().map(str.encode) if text else st.binary(max_size=20)
        return draw(hnp.arrays(object, shape, elements=element, fill=st.nothing()))
    elements: Any = None
    if finite and datatype.numpy_dtype.kind == "f":
        width: Any = datatype.numpy_dtype.itemsize * 8
        elements = st.floats(allow_nan=False, allow_infinity=False, width=width)
    return draw(hnp.arrays(datatype.numpy_dtype, shape, elements=elements))


def tensors(*, text: bool = False, finite: bool = False) -> st.SearchStrategy[Tensors]:
    names = st.text(string.ascii_letters + "_: é", min_size=1, max_size=8)
    return st.dictionaries(names, arrays(text=text, finite=finite), min_size=1, max_size=3)


def assert_same(found: Array, wanted: Array) -> None:
    """Equal in type, shape and every bit."""
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    if wanted.dtype == object:
        assert found.tolist() == wanted.tolist()
    else:
        assert np.ascontiguousarray(found).tobytes() == np.ascontiguousarray(wanted).tobytes()
