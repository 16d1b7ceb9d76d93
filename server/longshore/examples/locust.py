"""The request as a load test of locust."""

from __future__ import annotations

from longshore.examples.python import tensor_literal
from longshore.examples.request import ExampleRequest

_FILE = '''\
"""locust --locustfile {file} --headless --users 8 --run-time 30s"""

{imports}from locust import HttpUser, constant, task

BODY = {{
    "inputs": [
{tensors}
    ]
}}
HEADERS = {headers}


class Client(HttpUser):
    host = {host!r}
    wait_time = constant(0)

    @task
    def infer(self):
        self.client.post({path!r}, json=BODY, headers=HEADERS)
'''
_TOKEN = '{"Authorization": "Bearer " + os.environ["TOKEN"]}'


def locust_file(request: ExampleRequest) -> str:
    return _FILE.format(
        file=f"{request.model}.py",
        imports="import os\n\n" if request.needs_token else "",
        tensors="\n".join(f"        {tensor_literal(t)}," for t in request.tensors),
        headers=_TOKEN if request.needs_token else "{}",
        host=request.base_url,
        path=request.path,
    )
