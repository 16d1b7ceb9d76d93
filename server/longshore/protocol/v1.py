"""V1 `:predict`: rows in `instances`, or whole tensors in `inputs`.

https://www.tensorflow.org/tfx/serving/api_rest#predict_api
https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
"""

from __future__ import annotations

import base64
from typing import Any, TypeAlias

import numpy as np
import orjson

from longshore.errors import InvalidRequest, UnsupportedFeature
from longshore.protocol.json_codec import output_bytes, output_datatype
from longshore.protocol.json_data import array_from_elements, flatten
from longshore.protocol.json_document import may_hold_booleans, parse_object, shown
from longshore.protocol.messages import (
    EncodedResponse,
    InferenceRequest,
    InferenceResponse,
    every_output,
)
from longshore.protocol.steps import Body, is_long, join, json_pieces
from longshore.protocol.validation import check_shape, unknown_name
from longshore.tensors import Array, Datatype, Signature, TensorSpec

Columns: TypeAlias = dict[str, Any]


def decode_request(body: Body, *, signature: Signature) -> InferenceRequest:
    """Shapes follow from how `data` is nested; BYTES are strings or `{"b64": "..."}`.

    In `instances` every entry is one row: an object by input name, or the bare value where the
    model has one input.

    Raises:
        InvalidRequest: anything that is wrong with the request.
    """
    document = parse_object(body)
    booleans = may_hold_booleans(body)
    by_column = "inputs" in document
    if by_column == ("instances" in document):
        found = "both" if by_column else "neither"
        raise InvalidRequest(
            f"the body must have either `instances` (rows) or `inputs` (columns), found {found}"
        )
    if by_column:
        columns = _by_name(document["inputs"], signature, "`inputs`")
    else:
        columns = _columns_of_rows(document["instances"], signature)
    return InferenceRequest(
        inputs={
            spec.name: _array(columns[spec.name], spec, may_hold_booleans=booleans)
            for spec in signature.inputs
        },
        outputs=every_output(signature.output_names, binary_data=False),
        by_column=by_column,
    )


def encode_response(response: InferenceResponse, request: InferenceRequest) -> EncodedResponse:
    """`predictions` for rows, `outputs` for columns; bare values where there is one output.

    NaN and infinities become null; BYTES that are not UTF-8 become `{"b64": "..."}`.

    Raises:
        UnsupportedFeature: rows were sent, and an output of several has not one row for each.
    """
    values = {name: _value(name, response.outputs[name]) for name in request.output_names}
    document: dict[str, Any]
    if len(values) == 1:
        key = "outputs" if request.by_column else "predictions"
        return _encoded(_dump_only(key, next(iter(values.values()))))
    if request.by_column:
        document = {"outputs": values}
    else:
        rows = len(next(iter(request.inputs.values())))
        _check_rows(response, request, rows)
        document = {
            "predictions": [
                {name: value[row] for name, value in values.items()} for row in range(rows)
            ]
        }
    return _encoded(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY))


def _dump_only(key: str, value: Any) -> Body:
    if isinstance(value, np.ndarray) and is_long(value):
        return join([b'{"%b":' % key.encode(), *json_pieces(value), b"}"])
    return orjson.dumps({key: value}, option=orjson.OPT_SERIALIZE_NUMPY)


def _encoded(body: Body) -> EncodedResponse:
    return EncodedResponse(body, [(b"content-type", b"application/json")])


def _columns_of_rows(instances: Any, signature: Signature) -> Columns:
    if type(instances) is not list or not instances:
        raise InvalidRequest(f"`instances` must be a list of rows, found {shown(instances)}")
    for spec in signature.inputs:
        if not spec.shape:
            raise InvalidRequest(
                f"input '{spec.name}' has no dimensions, so that rows cannot be stacked; "
                "send `inputs` (columns)"
            )
    rows = [
        _by_name(instance, signature, f"instance {index}")
        for index, instance in enumerate(instances)
    ]
    return {spec.name: [row[spec.name] for row in rows] for spec in signature.inputs}


def _by_name(value: Any, signature: Signature, what: str) -> Columns:
    """`value` as an object that holds every input of the model and nothing else."""
    names = [spec.name for spec in signature.inputs]
    listed = ", ".join(f"'{name}'" for name in names)
    if type(value) is not dict or (value.keys() == {"b64"} and "b64" not in names):
        if len(names) == 1:
            return {names[0]: value}
        raise InvalidRequest(f"{what} must be an object with {listed}, found {shown(value)}")
    if len(value) != len(names) or value.keys() != set(names):
        for name in value:
            if name not in names:
                raise InvalidRequest(f"{what}: {unknown_name('input', name, signature)}")
        missing = ", ".join(f"'{name}'" for name in names if name not in value)
        raise InvalidRequest(f"{what}: the model also needs {missing}")
    return value


def _array(value: Any, spec: TensorSpec, *, may_hold_booleans: bool) -> Array:
    shape = _nesting(value)
    check_shape(shape, spec)
    flat = flatten(value, shape, name=spec.name)
    return array_from_elements(
        flat, datatype=spec.datatype, name=spec.name, may_hold_booleans=may_hold_booleans
    ).reshape(shape)


def _nesting(value: Any) -> tuple[int, ...]:
    """The shape that the first element on every level suggests; `flatten` checks the others."""
    shape = []
    while type(value) is list:
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(shape)


def _check_rows(response: InferenceResponse, request: InferenceRequest, rows: int) -> None:
    for name in request.output_names:
        shape = response.outputs[name].shape
        if not shape or shape[0] != rows:
            raise UnsupportedFeature(
                f"output '{name}' has shape {list(shape)}, not one row for each of {rows} "
                "instances; send `inputs` (columns)"
            )


def _value(name: str, array: Array) -> Any:
    """What orjson writes whole, and row by row as `_value(name, array)[row]`."""
    datatype = output_datatype(name, array)
    if datatype is not Datatype.BYTES:
        # A row of a 1-d array is a scalar, and orjson knows scalars of one C type for each
        # datatype: not `longlong`, which is what onnxruntime makes of INT64.
        numbers = np.asarray(array, dtype=datatype.numpy_dtype, order="C")
        return numbers if numbers.shape else numbers[()]  # orjson takes no 0-d arrays
    texts = np.empty(array.size, dtype=np.object_)
    texts[:] = [_text(element) for element in output_bytes(name, array)]
    return texts.reshape(array.shape).tolist()


def _text(element: Body) -> Any:
    try:
        return element.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(element).decode()}
