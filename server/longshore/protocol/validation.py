"""What every codec checks of a request: shapes, names, parameters, requested outputs.

A valid request passes few checks; an error message is made only after one of them failed.
"""

from __future__ import annotations

from math import prod
from typing import Any, Literal

from longshore.errors import InvalidRequest, UnsupportedFeature
from longshore.protocol.json_document import shown
from longshore.protocol.messages import Parameters, RequestedOutput, every_output
from longshore.tensors import Datatype, Signature, TensorSpec

MAX_ELEMENTS = 2**40
"""More elements than any body can carry; keeps a shape with a zero in it from overflowing numpy."""


def input_spec(entry: Any, signature: Signature) -> TensorSpec:
    """What the model says of the input that `entry` names; the datatypes agree.

    Raises:
        InvalidRequest: not an object, no or an unknown name, another datatype.
    """
    if type(entry) is not dict:
        raise InvalidRequest(f"every entry of `inputs` must be an object, found {shown(entry)}")
    name = entry.get("name")
    spec = signature.input_by_name.get(name) if type(name) is str else None
    if spec is None:
        raise InvalidRequest(_name_error("input", name, signature))
    found = entry.get("datatype")
    if found != spec.datatype:
        raise InvalidRequest(_datatype_error(entry, spec))
    return spec


def check_shape(shape: tuple[int, ...], spec: TensorSpec) -> None:
    """Raises:
    InvalidRequest: no rows, too many elements to exist, or not a shape that the model takes.
    """
    if not spec.accepts_shape(shape):
        raise InvalidRequest(
            f"input '{spec.name}': shape {_shown_shape(shape)} does not fit; the model wants "
            f"{list(spec.shape)}" + (", where -1 is any size" if -1 in spec.shape else "")
        )
    if 0 in shape:
        if shape[0] == 0:
            raise InvalidRequest(
                f"input '{spec.name}': shape {_shown_shape(shape)} has no rows; "
                "the first dimension must be at least 1"
            )
        if prod(size for size in shape if size) > MAX_ELEMENTS:
            raise InvalidRequest(
                f"input '{spec.name}': shape {_shown_shape(shape)} is too large to exist"
            )


def read_shape(entry: dict[str, Any], spec: TensorSpec) -> tuple[int, ...]:
    """The `shape` of an input.

    Raises:
        InvalidRequest: not a list of whole numbers from 0, or not a shape that the model takes.
    """
    shape = entry.get("shape")
    if type(shape) is not list or not _are_sizes(shape):
        raise InvalidRequest(
            f"input '{spec.name}': `shape` must be a list of whole numbers from 0, "
            f"found {shown(shape) if 'shape' in entry else 'none'}"
        )
    found = tuple(shape)
    check_shape(found, spec)
    return found


def _are_sizes(shape: list[Any]) -> bool:
    for size in shape:  # noqa: SIM110 (twice as fast)
        if type(size) is not int or size < 0:
            return False
    return True


def read_parameters(holder: dict[str, Any], what: str) -> Parameters:
    """`parameters` of a request or of one of its tensors, empty where there are none.

    Raises:
        InvalidRequest: not an object.
    """
    parameters = holder.get("parameters")
    if parameters is None:
        return {}
    if type(parameters) is not dict:
        raise InvalidRequest(f"{what}: `parameters` must be an object, found {shown(parameters)}")
    return parameters


def read_id(document: dict[str, Any]) -> str | None:
    identifier = document.get("id")
    if identifier is not None and type(identifier) is not str:
        raise InvalidRequest(f"`id` must be a string, found {shown(identifier)}")
    return identifier


def read_timeout_seconds(parameters: Parameters) -> float | None:
    """Triton's `timeout` parameter, microseconds on the wire."""
    timeout = parameters.get("timeout")
    if timeout is None:
        return None
    if type(timeout) is not int or timeout <= 0:
        raise InvalidRequest(
            "parameter `timeout` must be a whole number of microseconds from 1, "
            f"found {shown(timeout)}"
        )
    return timeout / 1_000_000


def read_flag(parameters: Parameters, key: str, *, default: bool, what: str) -> bool:
    flag = parameters.get(key)
    if flag is None:
        return default
    if type(flag) is not bool:
        raise InvalidRequest(f"{what}: `{key}` must be true or false, found {shown(flag)}")
    return flag


def refuse_sequences(parameters: Parameters) -> None:
    """Raises:
    UnsupportedFeature: the request belongs to a sequence; an id of 0 or "" means it does not.
    """
    for key in ("sequence_id", "sequence_start", "sequence_end"):
        if parameters.get(key):
            raise UnsupportedFeature(
                f"parameter `{key}` is {shown(parameters[key])}, but this server keeps no state "
                "between requests; leave the sequence parameters out"
            )


def refuse_shared_memory(parameters: Parameters, what: str) -> None:
    if "shared_memory_region" in parameters:
        raise UnsupportedFeature(
            f"{what}: this server takes no tensors from shared memory; send them in the body"
        )


def requested_outputs(
    entries: Any, signature: Signature, *, binary_default: bool
) -> tuple[RequestedOutput, ...]:
    """What `outputs` asks for, in its order; absent or empty asks for every output.

    Raises:
        InvalidRequest: not a list of objects, an unknown or repeated name.
        UnsupportedFeature: `classification` or shared memory is asked for.
    """
    if entries is None or entries == []:
        return every_output(signature.output_names, binary_data=binary_default)
    if type(entries) is not list:
        raise InvalidRequest(f"`outputs` must be a list of objects, found {shown(entries)}")
    outputs = [_requested_output(entry, signature, binary_default) for entry in entries]
    names = [output.name for output in outputs]
    for name in names:
        if names.count(name) > 1:
            raise InvalidRequest(f"output '{name}' is requested more than once")
    return tuple(outputs)


def missing_inputs_error(found: Any, signature: Signature) -> InvalidRequest:
    missing = [spec.name for spec in signature.inputs if spec.name not in found]
    names = ", ".join(f"'{name}'" for name in missing)
    return InvalidRequest(f"the model also needs {names} in `inputs`")


def _requested_output(entry: Any, signature: Signature, binary_default: bool) -> RequestedOutput:
    if type(entry) is not dict:
        raise InvalidRequest(f"every entry of `outputs` must be an object, found {shown(entry)}")
    name = entry.get("name")
    if type(name) is not str or name not in signature.output_by_name:
        raise InvalidRequest(_name_error("output", name, signature))
    what = f"output '{name}'"
    parameters = read_parameters(entry, what)
    if "classification" in parameters:
        raise UnsupportedFeature(
            f"{what}: this server does not offer the classification extension; "
            "ask for the tensor and sort it"
        )
    refuse_shared_memory(parameters, what)
    binary = read_flag(parameters, "binary_data", default=binary_default, what=what)
    return RequestedOutput(name, binary)


def unknown_name(kind: Literal["input", "output"], name: str, signature: Signature) -> str:
    """The end of an error about a name that the signature has not."""
    specs = signature.inputs if kind == "input" else signature.outputs
    names = ", ".join(f"'{spec.name}'" for spec in specs)
    why = signature.why_left_out(kind, name) or f"unknown {kind} {shown(name)}"
    return f"{why}; the model has {names}"


def _name_error(kind: Literal["input", "output"], name: Any, signature: Signature) -> str:
    specs = signature.inputs if kind == "input" else signature.outputs
    if type(name) is not str:
        names = ", ".join(f"'{spec.name}'" for spec in specs)
        return f"every {kind} must have a `name`, one of {names}; found {shown(name)}"
    return unknown_name(kind, name, signature)


def _datatype_error(entry: dict[str, Any], spec: TensorSpec) -> str:
    if "datatype" not in entry:
        return f"input '{spec.name}': no `datatype`; the model wants {spec.datatype}"
    found = entry["datatype"]
    message = f"input '{spec.name}': datatype {shown(found)} does not fit; "
    message += f"the model wants {spec.datatype}"
    if type(found) is str and found in Datatype.__members__:
        return message
    return f"{message} (the protocol's datatypes are {', '.join(Datatype)})"


def _shown_shape(shape: tuple[int, ...]) -> str:
    return shown(list(shape)) if len(shape) > 8 else str(list(shape))
