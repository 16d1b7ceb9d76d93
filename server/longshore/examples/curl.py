"""The request as a command of a POSIX shell."""

from __future__ import annotations

import json
import re
import shlex

from longshore.examples.request import ExampleRequest, ExampleTensor


def curl_command(request: ExampleRequest) -> str:
    """Long tensors are written by the shell, so that the command stays short."""
    head = f"curl -s {shlex.quote(request.url)} -H 'Content-Type: application/json'"
    if request.needs_token:
        head += ' -H "Authorization: Bearer $TOKEN"'
    if not any(tensor.is_repeated for tensor in request.tensors):
        body = json.dumps({"inputs": [_tensor(tensor) for tensor in request.tensors]})
        return f"{head} \\\n  -d {shlex.quote(body)}\n"
    tensors = ", ".join(_expanded(tensor) for tensor in request.tensors)
    return f'{head} -d @- <<REQUEST\n{{"inputs": [{tensors}]}}\nREQUEST\n'


def _tensor(tensor: ExampleTensor) -> dict[str, object]:
    return {
        "name": tensor.name,
        "shape": tensor.shape,
        "datatype": tensor.datatype,
        "data": tensor.json_elements,
    }


def _expanded(tensor: ExampleTensor) -> str:
    """In a here-document, where the shell runs what stands between `$(` and `)`."""
    text = _escaped(json.dumps(_tensor(tensor)))
    if not tensor.is_repeated:
        return text
    (element,) = tensor.json_elements
    word = shlex.quote(json.dumps(element))
    repeated = f"$(yes {word} | head -n {tensor.count} | paste -sd, -)"
    return text.removesuffix(f"[{_escaped(json.dumps(element))}]}}") + f"[{repeated}]}}"


def _escaped(text: str) -> str:
    return re.sub(r"([\\$`])", r"\\\1", text)
