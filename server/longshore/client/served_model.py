"""The model of a server, as its metadata describes it, and predictions by it."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from longshore.client.exchange import Reply, Server, read_json, refused
from longshore.client.wire import decode_answer, encode_request
from longshore.errors import LongshoreError, RequestRefused
from longshore.tensors import Datatype, Signature, Tensors, TensorSpec


class Prediction(Struct, frozen=True):
    """What came of one request."""

    version: str
    outputs: Tensors
    seconds: float
    """From sending to the last byte of the answer."""


class ServedModel:
    """`name` is looked up where it is `None`: a Longshore server has one model.

    Raises:
        RequestRefused: the server cannot be asked, or does not serve the model.
    """

    def __init__(self, server: Server, name: str | None, version: str | None) -> None:
        self.server = server
        self.name = name or _only_model(server)
        self.version = version
        metadata = read_json(server, self._path())
        try:
            self.signature = Signature(
                tuple(_spec(entry) for entry in metadata["inputs"]),
                tuple(_spec(entry) for entry in metadata["outputs"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RequestRefused(
                f"{server.where(self._path())}: is no model of the Open Inference Protocol: "
                f"{error!r}"
            ) from error

    def predict(self, inputs: Tensors) -> Prediction:
        """Raises:
        RequestRefused: the server answers with an error, or not at all.
        """
        body, headers = encode_request(inputs)
        path = f"{self._path()}/infer"
        started = time.perf_counter()
        reply = self.server.exchange("POST", path, headers, body)
        seconds = time.perf_counter() - started
        if reply.status != 200:
            raise refused(self.server.where(path), reply)
        return self._prediction(reply, seconds)

    def _prediction(self, reply: Reply, seconds: float) -> Prediction:
        try:
            version, outputs = decode_answer(reply)
        except (KeyError, TypeError, ValueError, LongshoreError) as error:
            raise RequestRefused(
                f"{self.server.where(self._path())}: cannot be read: {error!r}"
            ) from error
        return Prediction(version, outputs, seconds)

    def _path(self) -> str:
        version = "" if self.version is None else f"/versions/{quote(self.version, safe='')}"
        return f"/v2/models/{quote(self.name, safe='')}{version}"


def _only_model(server: Server) -> str:
    remedy = "name it, as in URL/v2/models/NAME"
    try:
        names = read_json(server, "/v1/models").get("models")
    except RequestRefused as error:
        if error.status is None or error.status == 401:
            raise
        raise RequestRefused(f"{error}; which model is meant? {remedy}") from error
    if not isinstance(names, list) or len(names) != 1 or not isinstance(names[0], str):
        raise RequestRefused(f"{server.base_url} serves {names}, not one model; {remedy}")
    return names[0]


def _spec(entry: dict[str, Any]) -> TensorSpec:
    shape = tuple(int(size) for size in entry["shape"])
    return TensorSpec(str(entry["name"]), Datatype(entry["datatype"]), shape)
