"""The request as a load test of k6."""

from __future__ import annotations

import json

from longshore.examples.request import ExampleRequest, ExampleTensor

_SCRIPT = """\
// k6 run --vus 8 --duration 30s {file}
import http from "k6/http";
import {{ check }} from "k6";

const url = {url};
const body = JSON.stringify({{
  inputs: [
{tensors}
  ],
}});
const params = {{ headers: {{ "Content-Type": "application/json"{token} }} }};

export default function () {{
  const answer = http.post(url, body, params);
  check(answer, {{ "status is 200": (found) => found.status === 200 }});
}}
"""


def k6_script(request: ExampleRequest) -> str:
    return _SCRIPT.format(
        file=f"{request.model}.js",
        url=json.dumps(request.url),
        tensors="\n".join(f"    {_tensor(tensor)}," for tensor in request.tensors),
        token=", Authorization: `Bearer ${__ENV.TOKEN}`" if request.needs_token else "",
    )


def _tensor(tensor: ExampleTensor) -> str:
    data = json.dumps(tensor.json_elements)
    if tensor.is_repeated:
        data = f"Array({tensor.count}).fill({data[1:-1]})"
    return (
        f"{{ name: {json.dumps(tensor.name)}, shape: {list(tensor.shape)}, "
        f'datatype: "{tensor.datatype}", data: {data} }}'
    )
