"""The request as a program of Python's standard library."""

from __future__ import annotations

from longshore.examples.request import ExampleRequest, ExampleTensor

_PROGRAM = """\
import json
{imports}import urllib.request

body = {{
    "inputs": [
{tensors}
    ]
}}
request = urllib.request.Request(
    {url!r},
    data=json.dumps(body).encode(),
    headers={{"Content-Type": "application/json"{token}}},
)
with urllib.request.urlopen(request) as answer:
    for output in json.load(answer)["outputs"]:
        print(output["name"], output["shape"], output["data"][:10])
"""


def python_program(request: ExampleRequest) -> str:
    return _PROGRAM.format(
        imports="import os\n" if request.needs_token else "",
        url=request.url,
        tensors="\n".join(f"        {tensor_literal(t)}," for t in request.tensors),
        token=', "Authorization": "Bearer " + os.environ["TOKEN"]' if request.needs_token else "",
    )


def tensor_literal(tensor: ExampleTensor) -> str:
    """An entry of `inputs` as Python writes it."""
    data = repr(tensor.json_elements)
    if tensor.is_repeated:
        data += f" * {tensor.count}"
    return (
        f'{{"name": {tensor.name!r}, "shape": {list(tensor.shape)}, '
        f'"datatype": "{tensor.datatype}", "data": {data}}}'
    )
