"""The raw request of the binary extension: the body is the one input, without a JSON header.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
("Raw Binary Request")
"""

from __future__ import annotations

from longshore.errors import InvalidRequest
from longshore.protocol.binary_codec import array_from_bytes
from longshore.protocol.messages import InferenceRequest, every_output
from longshore.protocol.steps import Body
from longshore.protocol.validation import check_shape
from longshore.tensors import Array, Datatype, Signature, TensorSpec, element_count


def decode_raw_request(body: Body, *, signature: Signature) -> InferenceRequest:
    """One row for a model with one input, of which at most one dimension besides the first varies;
    every output is answered in binary. For BYTES the whole body is the one element.

    Raises:
        InvalidRequest: the model has other inputs, or the body's length fits no shape of it.
    """
    if len(signature.inputs) != 1:
        names = ", ".join(f"'{spec.name}'" for spec in signature.inputs) or "none"
        raise InvalidRequest(
            "Inference-Header-Content-Length: 0 sends a raw tensor, which needs a model with one "
            f"input; this one has {names}"
        )
    spec = signature.inputs[0]
    outputs = every_output(signature.output_names, binary_data=True)
    return InferenceRequest(inputs={spec.name: _raw_array(body, spec)}, outputs=outputs)


def _raw_array(body: Body, spec: TensorSpec) -> Array:
    variable = [axis for axis, size in enumerate(spec.shape) if size == -1 and axis > 0]
    if len(variable) > 1:
        raise InvalidRequest(
            f"input '{spec.name}' has shape {list(spec.shape)}: in a raw tensor only one "
            "dimension besides the first may vary; send the shape in a JSON header"
        )
    fixed = element_count(size for size in spec.shape if size != -1)
    width = spec.datatype.itemsize
    if width is None:
        return _raw_element(body, spec, fixed)
    unit = fixed * width
    sizes = [len(body)] if unit == 0 else [len(body) // unit]
    fits = unit > 0 and len(body) % unit == 0 and (variable or len(body) == unit)
    if not body or not fits:
        many = "a multiple of " if variable else ""
        raise InvalidRequest(
            f"input '{spec.name}' of {spec.datatype} and shape {list(spec.shape)} takes {many}"
            f"{unit} bytes as a raw tensor of one row, found {len(body)}"
        )
    shape = tuple(
        sizes[0] if axis in variable else (1 if size == -1 else size)
        for axis, size in enumerate(spec.shape)
    )
    check_shape(shape, spec)
    return array_from_bytes(memoryview(body), shape, spec)


def _raw_element(body: Body, spec: TensorSpec, fixed: int) -> Array:
    if fixed != 1:
        raise InvalidRequest(
            f"input '{spec.name}' is {Datatype.BYTES} of shape {list(spec.shape)}: a raw body is "
            "one element, this input takes more"
        )
    data = memoryview(len(body).to_bytes(4, "little") + body)
    return array_from_bytes(data, (1,) * len(spec.shape), spec)
