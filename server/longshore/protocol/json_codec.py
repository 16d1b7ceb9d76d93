"""The Open Inference Protocol v2 in JSON, both ways.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import orjson

from longshore.errors import InferenceFailed, InvalidRequest
from longshore.protocol import validation
from longshore.protocol.json_data import array_from_list
from longshore.protocol.json_document import may_hold_booleans, parse_object, shown
from longshore.protocol.large_json import LARGE_BODY_BYTES, Convert, NumberList, take_apart
from longshore.protocol.messages import InferenceRequest, InferenceResponse, Parameters
from longshore.protocol.steps import STEP_BYTES, Body, is_long, join, json_pieces
from longshore.protocol.text_pieces import LongTexts, are_long, not_text
from longshore.tensors import Array, Datatype, Signature, Tensors, TensorSpec

ReadTensor: TypeAlias = Callable[[dict[str, Any], Parameters, TensorSpec, tuple[int, ...]], Array]
"""Takes an entry of `inputs`, its parameters, what the model wants, and the checked shape."""


def decode_json_request(
    body: Body, *, signature: Signature, convert: Convert = NumberList.to_array
) -> InferenceRequest:
    """`convert` is asked for the long lists of numbers of a large body.

    Raises:
        InvalidRequest: anything that is wrong with the request.
        UnsupportedFeature: an extension that this server does not offer.
    """
    number_lists: dict[str, NumberList] = {}
    if len(body) < LARGE_BODY_BYTES:
        document = parse_object(body)
    else:
        document, number_lists = take_apart(body)
    booleans = may_hold_booleans(body)

    def read_tensor(
        entry: dict[str, Any], parameters: Parameters, spec: TensorSpec, shape: tuple[int, ...]
    ) -> Array:
        if "binary_data_size" in parameters:
            raise InvalidRequest(
                f"input '{spec.name}': `binary_data_size` needs the header "
                "Inference-Header-Content-Length, which says where the JSON ends"
            )
        data = entry.get("data")
        if number_lists and type(data) is str and data in number_lists:
            return convert(number_lists[data], shape, datatype=spec.datatype, name=spec.name)
        return read_json_data(entry, spec, shape, may_hold_booleans=booleans)

    return read_request(document, signature, read_tensor)


def read_request(
    document: dict[str, Any], signature: Signature, read_tensor: ReadTensor
) -> InferenceRequest:
    """The request in a parsed `document`; `read_tensor` finds the elements of one input and is
    called in the order of `inputs`.
    """
    parameters: Parameters = {}
    identifier = validation.read_id(document) if "id" in document else None
    timeout_seconds = None
    binary_default = False
    if "parameters" in document:
        parameters = validation.read_parameters(document, "the request")
        validation.refuse_sequences(parameters)
        timeout_seconds = validation.read_timeout_seconds(parameters)
        binary_default = validation.read_flag(
            parameters, "binary_data_output", default=False, what="the request"
        )
    return InferenceRequest(
        inputs=_read_inputs(document, signature, read_tensor),
        outputs=validation.requested_outputs(
            document.get("outputs"), signature, binary_default=binary_default
        ),
        id=identifier,
        parameters=parameters,
        timeout_seconds=timeout_seconds,
    )


def read_json_data(
    entry: dict[str, Any], spec: TensorSpec, shape: tuple[int, ...], *, may_hold_booleans: bool
) -> Array:
    if "data" not in entry:
        raise InvalidRequest(f"input '{spec.name}' has no `data`")
    return array_from_list(
        entry["data"],
        shape,
        datatype=spec.datatype,
        name=spec.name,
        may_hold_booleans=may_hold_booleans,
    )


def encode_json_response(response: InferenceResponse, request: InferenceRequest) -> Body:
    """The answer with every output as JSON, in the order requested.

    NaN and infinities become null, as with KServe: JSON cannot express them. FP16 is written as
    ordinary numbers, BYTES as strings.

    Raises:
        InvalidRequest: a BYTES element is not UTF-8, so that only binary data can carry it.
    """
    return dump_response(
        response, [json_output(name, response.outputs[name]) for name in request.output_names]
    )


def dump_response(response: InferenceResponse, outputs: list[dict[str, Any]]) -> Body:
    """The JSON object of an answer, with these entries of `outputs`; long ones in pieces."""
    if any(map(_is_long, outputs)):
        return join(_dump_in_pieces(response, outputs))
    return orjson.dumps(_document(response, outputs), option=orjson.OPT_SERIALIZE_NUMPY)


def _is_long(output: dict[str, Any]) -> bool:
    data = output.get("data")
    return isinstance(data, LongTexts) or (isinstance(data, np.ndarray) and is_long(data))


def _dump_in_pieces(response: InferenceResponse, outputs: list[dict[str, Any]]) -> Iterator[bytes]:
    yield orjson.dumps(_document(response, []))[: -len(b"]}")]
    for index, output in enumerate(outputs):
        if index:
            yield b","
        if not _is_long(output):
            yield orjson.dumps(output, option=orjson.OPT_SERIALIZE_NUMPY)
            continue
        data = output.pop("data")
        yield orjson.dumps(output)[: -len(b"}")] + b',"data":'
        yield from data.pieces() if isinstance(data, LongTexts) else json_pieces(data)
        yield b"}"
    yield b"]}"


def _document(response: InferenceResponse, outputs: list[dict[str, Any]]) -> dict[str, Any]:
    """`id` and `parameters` only where there are any; `outputs` is the last key."""
    document: dict[str, Any] = {
        "model_name": response.model_name,
        "model_version": response.model_version,
    }
    if response.id is not None:
        document["id"] = response.id
    if response.parameters:
        document["parameters"] = response.parameters
    document["outputs"] = outputs
    return document


def json_output(name: str, array: Array) -> dict[str, Any]:
    """An entry of `outputs`; `data` is flat, for orjson with OPT_SERIALIZE_NUMPY."""
    datatype = output_datatype(name, array)
    data = json_texts(name, array) if datatype is Datatype.BYTES else json_numbers(array).ravel()
    return {"name": name, "datatype": datatype, "shape": array.shape, "data": data}


def json_numbers(array: Array) -> Array:
    """`array` as orjson can write it: C-ordered, in this machine's byte order."""
    if array.dtype.isnative and array.flags.c_contiguous:
        return array
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


def json_texts(name: str, array: Array) -> list[str] | LongTexts:
    elements = output_bytes(name, array)
    if are_long(elements):
        return LongTexts(name, elements)
    try:
        return [element.decode() for element in elements]
    except UnicodeDecodeError as error:
        raise not_text(name) from error


def output_datatype(name: str, array: Array) -> Datatype:
    try:
        return Datatype.of(array)
    except ValueError as error:
        raise InferenceFailed(f"output '{name}': {error}") from error


def output_bytes(name: str, array: Array) -> list[Body]:
    """The elements of a BYTES output in row-major order; text becomes UTF-8."""
    elements: list[Body] = []
    for element in array.ravel().tolist():
        if isinstance(element, str):
            elements.append(_utf8(element))
        elif isinstance(element, bytes):
            elements.append(element)
        else:
            raise InferenceFailed(
                f"output '{name}' holds {type(element).__name__}, which no tensor can carry"
            )
    return elements


def _utf8(text: str) -> Body:
    """Lone surrogates stand for the bytes that the framework could not read as UTF-8."""
    if len(text) <= STEP_BYTES:
        return text.encode("utf-8", "surrogateescape")
    encoded = bytearray()
    for begin in range(0, len(text), STEP_BYTES):
        encoded += text[begin : begin + STEP_BYTES].encode("utf-8", "surrogateescape")
    return encoded


def _read_inputs(
    document: dict[str, Any], signature: Signature, read_tensor: ReadTensor
) -> Tensors:
    entries = document.get("inputs")
    if type(entries) is not list:
        found = shown(entries) if "inputs" in document else "none"
        raise InvalidRequest(f"`inputs` must be a list of objects, found {found}")
    tensors: Tensors = {}
    for entry in entries:
        spec = validation.input_spec(entry, signature)
        if spec.name in tensors:
            raise InvalidRequest(f"input '{spec.name}' is given more than once")
        shape = validation.read_shape(entry, spec)
        parameters: Parameters = {}
        if "parameters" in entry:
            parameters = validation.read_parameters(entry, f"input '{spec.name}'")
            validation.refuse_shared_memory(parameters, f"input '{spec.name}'")
        tensors[spec.name] = read_tensor(entry, parameters, spec, shape)
    if len(tensors) != len(signature.inputs):
        raise validation.missing_inputs_error(tensors, signature)
    return tensors
