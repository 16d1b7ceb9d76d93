"""The request by Triton's client library."""

from __future__ import annotations

from longshore.examples.request import ExampleRequest, ExampleTensor
from longshore.tensors import Datatype

_PROGRAM = """\
{imports}import numpy as np
from tritonclient import http  # pip install 'tritonclient[http]'

client = http.InferenceServerClient({address!r}{tls})
inputs = []
{tensors}
answer = client.infer({model!r}, inputs{options})
for output in answer.get_response()["outputs"]:
    print(output["name"], answer.as_numpy(output["name"]))
"""
_TENSOR = """\
data = {data}
inputs.append(http.InferInput({name!r}, list(data.shape), "{datatype}"))
inputs[-1].set_data_from_numpy(data)
"""
_TOKEN = ', headers={"Authorization": "Bearer " + os.environ["TOKEN"]}'


def triton_program(request: ExampleRequest) -> str:
    scheme, _, address = request.base_url.partition("://")
    version = "" if request.version is None else f", model_version={request.version!r}"
    return _PROGRAM.format(
        imports="import os\n\n" if request.needs_token else "",
        address=address,
        tls=", ssl=True" if scheme == "https" else "",
        tensors="".join(map(_tensor, request.tensors)),
        model=request.model,
        options=version + (_TOKEN if request.needs_token else ""),
    )


def _tensor(tensor: ExampleTensor) -> str:
    return _TENSOR.format(data=_array(tensor), name=tensor.name, datatype=tensor.datatype)


def _array(tensor: ExampleTensor) -> str:
    dtype = f"np.{tensor.datatype.numpy_dtype.name}"
    if tensor.datatype is Datatype.BOOL:
        dtype = "np.bool_"
    elif tensor.datatype is Datatype.BYTES:
        dtype = "np.object_"
    if tensor.is_repeated:
        return f"np.full({tensor.shape}, {tensor.elements[0]!r}, dtype={dtype})"
    return f"np.array({list(tensor.elements)}, dtype={dtype}).reshape({tensor.shape})"
