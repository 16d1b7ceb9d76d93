"""A request that a model takes, small enough to be read and copied."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from longshore.loading.proof.sample_inputs import SampleMaker, candidate_dimensions
from longshore.tensors import Array, Datatype, Signature, Tensors, TensorSpec, element_count

MOST_ELEMENTS = 100
"""A longer tensor is shown as its first element, repeated."""
SIGNIFICANT_DIGITS = 4
SAFE_INTEGERS = 2
"""Integers from 0 to 1 are in any vocabulary."""


class ExampleTensor(Struct, frozen=True):
    """One input; `elements` in row-major order, or the one that all of them are."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    elements: tuple[Any, ...]

    @classmethod
    def of(cls, spec: TensorSpec, array: Array) -> ExampleTensor:
        flat = array.ravel().tolist() if is_short(array) else [array.item(0)]
        elements = tuple(_readable(element) for element in flat)
        return cls(spec.name, spec.datatype, array.shape, elements)

    @property
    def count(self) -> int:
        return element_count(self.shape)

    @property
    def is_repeated(self) -> bool:
        """Whether `elements` has one element for many."""
        return len(self.elements) != self.count

    @property
    def json_elements(self) -> list[Any]:
        """`elements` as JSON has them; what is no text becomes `{"b64": "..."}`."""
        return [_json_form(element) for element in self.elements]


class ExampleRequest(Struct, frozen=True):
    """An inference request to `model` at `base_url`, which has no slash at its end."""

    base_url: str
    model: str
    version: str | None
    """`None` for the version that answers by default."""
    tensors: tuple[ExampleTensor, ...]
    needs_token: bool = False
    """Whether the server asks for a bearer token; forms read it from the variable `TOKEN`."""

    @property
    def path(self) -> str:
        version = "" if self.version is None else f"/versions/{self.version}"
        return f"/v2/models/{self.model}{version}/infer"

    @property
    def url(self) -> str:
        return self.base_url + self.path


def is_short(array: Array) -> bool:
    """Whether every element is shown."""
    return bool(array.size <= MOST_ELEMENTS)


def example_tensors(signature: Signature, inputs: Tensors) -> tuple[ExampleTensor, ...]:
    """`inputs`, which may have more than clients send, in the order of the signature."""
    return tuple(ExampleTensor.of(spec, inputs[spec.name]) for spec in signature.inputs)


def inputs_of_shapes(signature: Signature, shapes: Mapping[str, tuple[int, ...]]) -> Tensors:
    """Random inputs of `shapes`, by input; a guess for an input that has none there. A long one is
    a view of one element: making it costs nothing, however long it is.
    """
    fixed = {
        (name, axis): size for name, shape in shapes.items() for axis, size in enumerate(shape)
    }
    dimension = candidate_dimensions(signature)[0]
    rows = {shape[0] for shape in shapes.values() if shape}
    maker = SampleMaker(signature, dimension, SAFE_INTEGERS, fixed)
    wanted = {spec: maker.shape(spec, max(rows, default=1)) for spec in signature.inputs}
    short = [
        TensorSpec(spec.name, spec.datatype, (1,) if element_count(s) > MOST_ELEMENTS else s)
        for spec, s in wanted.items()
    ]
    made = replace(maker, signature=Signature(tuple(short), ())).make(1, seed=0)
    return {spec.name: np.broadcast_to(made[spec.name], s) for spec, s in wanted.items()}


def _readable(element: Any) -> Any:
    return float(f"{element:.{SIGNIFICANT_DIGITS}g}") if isinstance(element, float) else element


def _json_form(element: Any) -> Any:
    if not isinstance(element, bytes):
        return element
    try:
        return element.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(element).decode()}
