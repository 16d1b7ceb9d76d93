"""Requests and answers as every wire format decodes to and encodes from."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from msgspec import Struct, field

from longshore.protocol.steps import Body
from longshore.tensors import Tensors

Parameters: TypeAlias = dict[str, Any]
Headers: TypeAlias = list[tuple[bytes, bytes]]


class RequestedOutput(NamedTuple):
    """One entry of a request's `outputs`; `binary_data` asks for the binary tensor extension."""

    name: str
    binary_data: bool


@lru_cache(maxsize=32)
def every_output(names: tuple[str, ...], *, binary_data: bool) -> tuple[RequestedOutput, ...]:
    """The outputs of a request that names none, cached: most name none."""
    return tuple([RequestedOutput(name, binary_data) for name in names])


class InferenceRequest(Struct):
    """A decoded request that fits the model's signature (names, datatypes and shapes are already
    checked).
    """

    inputs: Tensors
    outputs: tuple[RequestedOutput, ...]
    """What the client asked for, in its order; when it named none, every output in the model's
    order.
    """
    id: str | None = None
    parameters: Parameters = field(default_factory=dict)
    timeout_seconds: float | None = None
    """The protocol's `timeout` parameter (Triton: microseconds), converted; `None` when the client
    set none.
    """
    by_column: bool = False
    """V1 only: the tensors came whole, by name (`inputs`), and the answer goes back the same way
    (`outputs`).
    """

    @property
    def output_names(self) -> tuple[str, ...]:
        return tuple([output.name for output in self.outputs])


class InferenceResponse(Struct):
    """The tensors that answer one request, by output name."""

    model_name: str
    model_version: str
    outputs: Tensors
    id: str | None = None
    parameters: Parameters = field(default_factory=dict)


class EncodedResponse(Struct):
    """Body of an answer and the headers that describe it (`content-length` is the sender's)."""

    body: Body
    headers: Headers
