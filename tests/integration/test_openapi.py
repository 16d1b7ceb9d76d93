"""The OpenAPI document, compared with what the server does."""

from __future__ import annotations

import copy
import http.client
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from longshore.rest.app import inference_routes
from longshore.rest.endpoints import Endpoints
from longshore.rest.health import Health
from longshore.rest.repository_extension import RepositoryExtension
from tests.attacks.served_process import ServedProcess, identity_model

SCHEMATHESIS = Path(sys.executable).with_name("st")


def ask(server: ServedProcess, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def document(digits) -> dict[str, Any]:
    return ask(digits, "GET", "/openapi.json")[1]


def assert_is(document: dict[str, Any], name: str, value: Any) -> None:
    """`value` fits the schema `name` of the document."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(value)


@pytest.mark.parametrize("server", ["digits", "every_datatype"])
def test_the_document_is_openapi_3_1(server, request):
    document = ask(request.getfixturevalue(server), "GET", "/openapi.json")[1]

    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


def test_every_path_that_can_be_read_answers(digits, document):
    paths = [path for path, item in document["paths"].items() if "get" in item]

    assert len(paths) > 10
    for path in paths:
        assert ask(digits, "GET", path.replace("{version}", "1"))[0] == 200, path


def test_every_route_is_in_the_document_and_nothing_else(tmp_path):
    routes = inference_routes(
        Endpoints(None, shows_version=False, has_repository=True),
        Health(None, None, None),
        RepositoryExtension(None),
    )
    wanted = {
        (method.lower(), route.path.replace("{name}", "echo"))
        for route in routes
        for method in route.methods - {"HEAD"}
    } | {
        ("post", f"{base}{version}{end}")
        for base, end in (("/v2/models/echo", "/infer"), ("/v1/models/echo", ":predict"))
        for version in ("", "/versions/{version}")
    }
    with ServedProcess(
        identity_model(tmp_path), repository_api="true", version_settle_seconds=0
    ) as server:
        paths = ask(server, "GET", "/openapi.json")[1]["paths"]
        assert "model_repository" in ask(server, "GET", "/v2")[1]["extensions"]

    found = {(method, path) for path in paths for method in paths[path] if method != "parameters"}
    assert found == wanted


def test_requests_and_answers_fit_their_schemas(digits, document):
    image = [[[0.5] * 8] * 8] * 2
    tensor = {"name": "image", "shape": [2, 1, 8, 8], "datatype": "FP32"}
    infer = {"id": "a", "inputs": [{**tensor, "data": [[plane] for plane in image]}]}
    predict = {"instances": [[plane] for plane in image]}
    for name, answer_name, path, body in (
        ("InferenceRequest", "InferenceResponse", "/v2/models/digits/infer", infer),
        ("PredictionRequest", "Predictions", "/v1/models/digits:predict", predict),
    ):
        assert_is(document, name, body)
        status, answer = ask(digits, "POST", path, body)
        assert status == 200
        assert_is(document, answer_name, answer)
        status, answer = ask(digits, "POST", path, {})
        assert status == 400
        assert_is(document, "Error", answer)
        with pytest.raises(jsonschema.ValidationError):
            assert_is(document, name, {})
    infer["inputs"][0]["datatype"] = "INT8"
    with pytest.raises(jsonschema.ValidationError):
        assert_is(document, "InferenceRequest", infer)
    with pytest.raises(jsonschema.ValidationError):
        assert_is(document, "PredictionRequest", {"instances": [[[0.5] * 8] * 8]})


@pytest.mark.parametrize("server", ["digits", "every_datatype"])
def test_the_example_can_be_sent_as_it_is(server, request):
    server = request.getfixturevalue(server)
    document = ask(server, "GET", "/openapi.json")[1]
    (path,) = [p for p in document["paths"] if p.endswith("/infer") and "{" not in p]
    body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]

    assert_is(document, "InferenceRequest", body["example"])
    assert ask(server, "POST", path, body["example"])[0] == 200


def test_values_that_the_owner_recorded_are_not_published(tmp_path):
    """Only their shapes are: nobody said that clients may have them."""
    model = identity_model(tmp_path)
    spec = "input:\n  - {name: INPUT0, data_type: TYPE_FP32, dims: [-1, -1]}\nwork_when: 12345\n"
    (model / "1" / "model.identity").write_text(spec)
    tensor = {"name": "INPUT0", "shape": [1, 7], "datatype": "FP32", "data": [12345] * 7}
    (model / "1" / "samples.json").write_text(json.dumps({"inputs": [tensor]}))
    with ServedProcess(model, version_settle_seconds=0) as server:
        document = ask(server, "GET", "/openapi.json")[1]
        status, _ = ask(server, "POST", "/v2/models/echo/infer", {"inputs": [tensor]})

    assert status == 200
    operation = document["paths"]["/v2/models/echo/infer"]["post"]
    example = operation["requestBody"]["content"]["application/json"]["example"]
    assert example["inputs"][0]["shape"] == [1, 7]
    assert "12345" not in json.dumps(document)


def for_generation(document: dict[str, Any]) -> dict[str, Any]:
    """Without deadlines, of which one may pass at once, and 504 be the right answer; and without
    the example, beside which Schemathesis 4.32 makes a draft-4 list of `prefixItems` elsewhere and
    calls that invalid.
    """
    changed = copy.deepcopy(document)
    for item in changed["paths"].values():
        post = item.get("post", {})
        parameters = post.get("parameters", [])
        parameters[:] = [p for p in parameters if p["name"] != "X-Request-Timeout-Ms"]
        for content in post.get("requestBody", {}).get("content", {}).values():
            content.pop("example", None)
    return changed


def test_answers_to_generated_requests_are_as_the_document_says(digits, document, tmp_path):
    """Schemathesis makes requests from the document, good and bad, and judges each answer: known
    statuses, schemas, content types, methods; never a 5xx for a client's mistake.
    """
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(for_generation(document)))
    command = [
        str(SCHEMATHESIS), "run", str(file), "--url", f"http://127.0.0.1:{digits.port}",
        "--phases", "coverage,fuzzing", "--max-examples", "8", "--checks", "all",
        "--exclude-path-regex", "/versions/",  # the same operations once more
        # That `data` has as many elements as `shape` says is more than a schema can tell.
        "--exclude-checks", "positive_data_acceptance", "--seed", "1", "--no-color",
    ]  # fmt: skip

    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)

    assert result.returncode == 0, result.stdout
