"""The binary tensor data extension: a JSON header, then raw tensors in the order it names them.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
The wire is little-endian, as is every machine that this server runs on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from longshore.errors import InvalidRequest
from longshore.protocol.bytes_tensor import decode_bytes_tensor, encode_bytes_tensor
from longshore.protocol.json_codec import (
    dump_response,
    json_output,
    output_bytes,
    output_datatype,
    read_json_data,
    read_request,
)
from longshore.protocol.json_document import (
    MAX_WHOLE_BYTES,
    may_hold_booleans,
    parse_object,
    shown,
)
from longshore.protocol.messages import InferenceRequest, InferenceResponse, Parameters
from longshore.protocol.steps import STEP_BYTES, Body, join
from longshore.tensors import Array, Datatype, Signature, TensorSpec, element_count


def decode_binary_request(
    body: Body, *, header_length: int, signature: Signature
) -> InferenceRequest:
    """Tensors are read-only views of `body` where their place in it is aligned.

    Raises:
        InvalidRequest: anything that is wrong with the request.
        UnsupportedFeature: an extension that this server does not offer.
    """
    header = body[: min(header_length, MAX_WHOLE_BYTES + 1)]
    tensors = _BinaryTensors(
        memoryview(body)[header_length:], may_hold_booleans=may_hold_booleans(header)
    )
    document = parse_object(header, what="the JSON header")
    request = read_request(document, signature, tensors.read)
    if tensors.remaining:
        raise InvalidRequest(
            f"{tensors.remaining} bytes of the body are left over after the tensors that the "
            "JSON header names"
        )
    return request


def encode_binary_response(
    response: InferenceResponse, request: InferenceRequest
) -> tuple[Body, int]:
    """The body with the outputs that were asked for in binary behind its JSON, and the length of
    that JSON.

    Raises:
        InvalidRequest: a BYTES output that was requested as JSON is not UTF-8.
    """
    entries: list[dict[str, Any]] = []
    blobs: list[Body | memoryview] = []
    for output in request.outputs:
        array = response.outputs[output.name]
        if not output.binary_data:
            entries.append(json_output(output.name, array))
            continue
        entry, parts = binary_tensor(output.name, array)
        entries.append(entry)
        blobs += parts
    header = dump_response(response, entries)
    whole = [header, *blobs]
    if sum([memoryview(part).nbytes for part in whole]) > STEP_BYTES:
        return join(whole), len(header)
    return b"".join(whole), len(header)


def array_from_bytes(data: memoryview, shape: tuple[int, ...], spec: TensorSpec) -> Array:
    """The tensor in `data`, whose length is already checked unless it is BYTES.

    BOOL bytes other than 0 and 1 count as true, as in C; numpy must never see them as they are.
    """
    if spec.datatype is Datatype.BYTES:
        elements = decode_bytes_tensor(data, element_count(shape), name=spec.name)
        return elements.reshape(shape)
    if spec.datatype is Datatype.BOOL:
        return np.frombuffer(data, dtype=np.uint8).astype(np.bool_).reshape(shape)
    array: Array = np.frombuffer(data, dtype=spec.datatype.numpy_dtype)
    if not array.flags.aligned:  # the header's length decides; runtimes may fault on such memory
        array = array.copy()
    return array.reshape(shape)


def binary_tensor(name: str, array: Array) -> tuple[dict[str, Any], list[Body | memoryview]]:
    """The entry of a tensor in the JSON, and the parts of its data behind that."""
    datatype = output_datatype(name, array)
    parts: list[Body | memoryview]
    if datatype is Datatype.BYTES:
        parts = [*encode_bytes_tensor(output_bytes(name, array))]
        size = sum(map(len, parts))
    else:
        data = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).data
        parts = [data]
        size = data.nbytes
    parameters = {"binary_data_size": size}
    shape = array.shape
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": parameters}, parts


class _BinaryTensors:
    """Hands out the bytes behind the JSON header, tensor by tensor."""

    def __init__(self, data: memoryview, *, may_hold_booleans: bool) -> None:
        self._data = data
        self._offset = 0
        self._may_hold_booleans = may_hold_booleans

    @property
    def remaining(self) -> int:
        return len(self._data) - self._offset

    def read(
        self,
        entry: dict[str, Any],
        parameters: Parameters,
        spec: TensorSpec,
        shape: tuple[int, ...],
    ) -> Array:
        if "binary_data_size" not in parameters:
            if "data" not in entry:
                raise InvalidRequest(
                    f"input '{spec.name}' has neither `data` nor the parameter `binary_data_size`"
                )
            return read_json_data(entry, spec, shape, may_hold_booleans=self._may_hold_booleans)
        if "data" in entry:
            raise InvalidRequest(
                f"input '{spec.name}' has both `data` and `binary_data_size`; send one of them"
            )
        size = self._size(parameters["binary_data_size"], spec, shape)
        start = self._offset
        self._offset += size
        return array_from_bytes(self._data[start : self._offset], shape, spec)

    def _size(self, size: Any, spec: TensorSpec, shape: tuple[int, ...]) -> int:
        """`binary_data_size`, after it is compared with the shape and with what is there."""
        if type(size) is not int or size < 0:
            raise InvalidRequest(
                f"input '{spec.name}': `binary_data_size` must be a whole number of bytes from 0, "
                f"found {shown(size)}"
            )
        width = spec.datatype.itemsize
        if width is not None and size != (wanted := element_count(shape) * width):
            raise InvalidRequest(
                f"input '{spec.name}': `binary_data_size` is {size}, but {spec.datatype} of shape "
                f"{list(shape)} takes {wanted} bytes"
            )
        if size > self.remaining:
            raise InvalidRequest(
                f"input '{spec.name}': `binary_data_size` is {size}, but only {self.remaining} "
                "bytes of the body are left"
            )
        return size
