"""The console's paths, without a browser: what is served, to whom, and what it costs when it is not
looked at.
"""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from longshore.cli import main
from longshore.examples.forms import FORMS
from longshore.rest.console.static_files import STATIC
from longshore.rest.console_routes import FILES, PAGES, STATIC_PATHS
from tests.attacks.served_process import ServedProcess, identity_model, infer_body

DIGITS = Path(__file__).parents[2] / "models" / "digits"
QUICK = {"version_settle_seconds": 0}
LARGEST_BYTES = 60 * 1024
UNTOUCHED = """
import asyncio, sys
from pathlib import Path
from longshore.assembly import assemble
from longshore.settings.reading import load_settings

async def ask(app, method, path, body=b""):
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    sent = []
    async def receive():
        return messages.pop() if messages else await asyncio.Event().wait()
    async def send(message):
        sent.append(message)
    headers = [(b"content-length", str(len(body)).encode())]
    await app({"type": "http", "method": method, "path": path, "headers": headers}, receive, send)
    return sent[0]["status"]

async def main():
    overrides = {"model_path": sys.argv[1], "calibration_cache": "", "version_settle_seconds": 0}
    parts = assemble(load_settings(overrides, {}))
    await parts.manager.refresh()
    app = parts.inference_port.app
    assert await ask(app, "GET", "/v2/health/ready") == 200
    assert await ask(app, "GET", "/v2/models/echo") == 200
    assert await ask(app, "POST", "/v2/models/echo/infer", sys.argv[2].encode()) == 200
    lazy = ("longshore.rest.console.", "longshore.examples")
    before = [name for name in sys.modules if name.startswith(lazy)]
    status = await ask(app, "GET", "/")
    print(before, status, "longshore.rest.console.static_files" in sys.modules)
    await parts.manager.close(5)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def server():
    with ServedProcess(DIGITS) as server:
        yield server


def ask(
    server: ServedProcess, path: str, body: Any = None, token: str = ""
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    method = "GET" if body is None else "POST"
    content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    try:
        connection.request(
            method, path, content, {"Authorization": f"Bearer {token}"} if token else {}
        )
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("path", sorted(STATIC_PATHS))
def test_each_file_is_served_with_its_type_and_nothing_from_elsewhere(server, path):
    status, headers, content = ask(server, path)

    name = PAGES.get(path) or path.rpartition("/")[2]
    assert status == 200
    assert content == (STATIC / name).read_bytes()
    assert headers["content-type"] == f"{FILES.get(name, 'text/html')}; charset=utf-8"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_the_pages_are_small_and_name_no_other_host():
    files = list(STATIC.iterdir())

    assert {file.name for file in files} == {*FILES, *PAGES.values()}
    assert sum(file.stat().st_size for file in files) <= LARGEST_BYTES
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert re.findall(r"https?://|//\w+\.\w+/", text) == []
        assert re.findall(r"<style|style=|<script>|\son\w+=|innerHTML|\beval\b", text) == []


def test_every_file_that_is_named_in_another_is_there():
    for file in STATIC.iterdir():
        text = file.read_text(encoding="utf-8")
        named = re.findall(r'(?:from "\./|"console/)([\w.]+\.(?:js|css))"', text)
        assert set(named) <= set(FILES), file.name


def test_the_console_is_not_imported_before_it_is_asked_for(tmp_path):
    model = identity_model(tmp_path)
    command = [sys.executable, "-W", "ignore", "-c", UNTOUCHED, str(model), infer_body().decode()]
    found = subprocess.run(command, capture_output=True, text=True, check=False)

    assert found.stdout == "[] 200 True\n", found.stderr


def test_what_is_served_is_told_with_an_example_of_each_input(server):
    status, _, content = ask(server, "/console/model")
    document = json.loads(content)

    assert status == 200
    assert (document["name"], document["version"]) == ("digits", "1")
    assert document["parameters"]["device"] == "cpu"
    assert document["parameters"]["notes"]
    (image,) = document["inputs"]
    assert image["shape"] == [-1, 1, 8, 8]
    assert image["example"]["shape"] == [1, 1, 8, 8]
    assert len(image["example"]["elements"]) == 64
    assert (image["image"]["channels"], image["image"]["height"]) == (1, 8)


def test_totals_of_the_load_grow_and_those_of_the_autoscaler_stay(server):
    def load() -> dict[str, Any]:
        return dict(json.loads(ask(server, "/console/load")[2]))

    before, offered = load(), server.metric("longshore_offered_work_seconds_total")
    for _ in range(3):
        load()
    assert server.metric("longshore_offered_work_seconds_total") == offered
    assert load()["requests"] == before["requests"]
    body = (DIGITS / "request.json").read_bytes()
    assert ask(server, "/v2/models/digits/infer", body)[0] == 200
    after = load()

    for total in ("requests", "answers", "rows", "executions"):
        assert after[total] == before[total] + 1
    assert sum(after["latency_counts"]) == after["answers"]
    assert len(after["latency_counts"]) == len(after["latency_buckets_seconds"]) + 1
    assert set(after["resource_seconds"]) == {"cpu", "event_loop", "instances"}
    assert max(after["resource_seconds"].values()) > max(before["resource_seconds"].values())
    assert after["versions"] == [{"version": "1", "state": "READY", "ready": True, "reason": ""}]


def test_the_request_in_the_form_is_written_as_by_the_command(server, capsys):
    base = f"http://127.0.0.1:{server.port}"
    (image,) = json.loads(ask(server, "/console/model")[2])["inputs"]
    tensor = {"name": "image", "datatype": "FP32", "shape": image["example"]["shape"]}
    body = {"inputs": [{**tensor, "data": image["example"]["elements"]}]}

    status, _, content = ask(server, f"/console/examples?base={base}", body)

    assert status == 200
    texts = json.loads(content)
    assert list(texts) == ["curl", "python", "tritonclient"]
    for form, text in texts.items():
        assert main(["example", base, "--as", form]) == 0
        assert text == capsys.readouterr().out
        assert form in FORMS


@pytest.mark.parametrize(
    ("query", "body", "message"),
    [
        ("?base=http://host", {}, "`inputs` must be a list"),
        ("?base=http://host", b"no json", "the body is not JSON"),
        ("", {"inputs": []}, "`base` must be the URL of a server"),
        ("?base=javascript:1", {"inputs": []}, "`base` must be the URL of a server"),
        ("?base=http://h'$(x)", {"inputs": []}, "`base` must be the URL of a server"),
    ],
)
def test_a_request_that_cannot_be_written_is_a_mistake_of_the_client(server, query, body, message):
    status, _, content = ask(server, f"/console/examples{query}", body)

    assert status == 400
    assert message in json.loads(content)["error"]


def test_a_path_that_is_none_is_not_found(server):
    assert ask(server, "/console/other.js")[0] == 404
    assert ask(server, "/console/../../pyproject.toml")[0] == 404
    assert ask(server, "/console/load", {})[0] == 405


def test_it_can_be_turned_off(tmp_path):
    with ServedProcess(identity_model(tmp_path), console="off", **QUICK) as server:
        for path in (*STATIC_PATHS, "/console/load", "/console/model"):
            assert ask(server, path)[0] == 404
        assert ask(server, "/console/examples?base=http://h", {})[0] == 404
        assert ask(server, "/v2/models/echo/infer", infer_body())[0] == 200


@pytest.mark.parametrize(("console", "open_status"), [("auto", 401), ("on", 200)])
def test_where_tokens_are_required_the_pages_are_open_only_when_asked(
    tmp_path, console, open_status
):
    (tmp_path / "tokens").write_text("secret\n")
    options = {"auth_token_file": tmp_path / "tokens", "console": console, **QUICK}
    with ServedProcess(identity_model(tmp_path), **options) as server:
        for path in STATIC_PATHS:
            assert ask(server, path)[0] == open_status
            assert ask(server, path, token="secret")[0] == 200
        for path in ("/console/load", "/console/model", "/openapi.json", "/v2/models/echo"):
            assert ask(server, path)[0] == 401
            assert ask(server, path, token="secret")[0] == 200
        assert ask(server, "/console/examples?base=http://h", {})[0] == 401
        _, _, content = ask(
            server, "/console/examples?base=http://h", json.loads(infer_body()), token="secret"
        )
        assert all("TOKEN" in text for text in json.loads(content).values())


def test_before_a_model_is_ready_the_page_tells_what_is_wrong(tmp_path):
    model = tmp_path / "broken"
    (model / "1").mkdir(parents=True)
    (model / "1" / "model.onnx").write_bytes(b"no model")
    server = ServedProcess(model, **QUICK)
    try:
        while not server.health().get("problems"):
            assert server.is_running
        assert ask(server, "/")[0] == 200
        document = json.loads(ask(server, "/console/load")[2])
        assert (document["ready"], document["version"]) == (False, None)
        assert document["versions"][0]["state"] == "FAILED"
        assert "model.onnx" in document["problems"][0]
        assert ask(server, "/console/model")[0] == 503
        assert 'version="2"' not in server.management("/metrics")[1].decode()
    finally:
        server.stop()
