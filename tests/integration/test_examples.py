"""Each form of `longshore example`, run as a person would run it, against real servers."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from longshore.cli import main
from longshore.examples.forms import FORMS
from longshore.examples.request import ExampleRequest, example_tensors
from longshore.tensors import Datatype, Signature, TensorSpec
from tests.attacks.served_process import ServedProcess, identity_model
from tests.integration.test_lifecycle import QUICK, wait_for

K6 = """
import {{ readFileSync }} from "node:fs";
const source = readFileSync({file!r}, "utf-8")
  .replace('import http from "k6/http";', "")
  .replace('import {{ check }} from "k6";', "")
  .replace("export default function ()", "function main()");
const sent = [];
const http = {{
  post: (url, body, params) => {{
    sent.push({{ url, body, params }});
    return {{ status: 200 }};
  }},
}};
const check = () => true;
const __ENV = process.env;
new Function("http", "check", "__ENV", source + "\\nmain();")(http, check, __ENV);
console.log(JSON.stringify(sent[0]));
"""
LARGE = "input:\n  - {name: INPUT0, data_type: TYPE_FP32, dims: [-1, 30, 20]}\n"


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """600 numbers a row, of a model whose name needs quoting nowhere."""
    model = identity_model(tmp_path_factory.mktemp("models"), name="large")
    (model / "1" / "model.identity").write_text(LARGE)
    with ServedProcess(model, **QUICK) as server:
        yield server


@pytest.fixture(params=["digits", "every_datatype", "large"])
def server(request) -> ServedProcess:
    return request.getfixturevalue(request.param)


def example(server: ServedProcess, form: str, capsys, *arguments: str) -> str:
    assert main(["example", f"http://127.0.0.1:{server.port}", "--as", form, *arguments]) == 0
    return capsys.readouterr().out


def successes(server: ServedProcess) -> float:
    return server.metric("longshore_responses_total", outcome="success")


def run(*command: str, **environment: str) -> str:
    found = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def test_the_shell_runs_the_curl_command(server, capsys):
    answer = json.loads(run("sh", "-c", example(server, "curl", capsys)))

    assert answer["outputs"]


@pytest.mark.parametrize("form", ["python", "tritonclient"])
def test_python_runs_the_program(server, capsys, tmp_path, form):
    program = tmp_path / "program.py"
    program.write_text(example(server, form, capsys))
    before = successes(server)

    text = run(sys.executable, "-W", "ignore", str(program))

    assert successes(server) == before + 1
    assert re.search("logits|OUTPUT", text)


def test_locust_runs_the_file(server, capsys, tmp_path):
    file = tmp_path / "locustfile.py"
    file.write_text(example(server, "locust", capsys))
    locust = Path(sys.executable).with_name("locust")
    before = successes(server)

    options = ["--headless", "--users", "1", "--only-summary", "--exit-code-on-error", "1"]
    command = [str(locust), "--locustfile", str(file), *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as client:
        wait_for(lambda: successes(server) > before or client.poll() is not None, 60)
        client.terminate()

    assert successes(server) > before
    assert client.returncode == 0


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_script_of_k6_sends_the_request(server, capsys, tmp_path):
    """k6's own two modules are replaced: the rest of the script is run as it is."""
    script = tmp_path / "script.mjs"
    script.write_text(example(server, "k6", capsys))
    run("node", "--check", str(script))
    runner = tmp_path / "runner.mjs"
    runner.write_text(K6.format(file=str(script)))
    sent = json.loads(run("node", str(runner)))

    assert sent["url"].startswith(f"http://127.0.0.1:{server.port}/v2/models/")
    path = sent["url"].removeprefix(f"http://127.0.0.1:{server.port}")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("POST", path, sent["body"], sent["params"]["headers"])
    answer = connection.getresponse()
    assert (answer.status, answer.read()[:14]) == (200, b'{"model_name":')
    connection.close()


def test_every_form_sends_the_token_of_a_server_that_asks_for_one(capsys, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("secret\n")
    with ServedProcess(identity_model(tmp_path), auth_token_file=tokens, **QUICK) as server:
        for form in ("curl", "python", "tritonclient"):
            text = example(server, form, capsys, "--token-file", str(tokens))
            assert "secret" not in text
            file = tmp_path / form
            file.write_text(text)
            program = "sh" if form == "curl" else sys.executable
            run(program, str(file), TOKEN="secret")
        assert successes(server) == 3
        for form in ("k6", "locust"):
            assert "TOKEN" in example(server, form, capsys, "--token-file", str(tokens))


AWKWARD = "a'b\"c$(d)`e`\\f"


@pytest.mark.parametrize("count", [1, 200])
def test_names_and_texts_are_quoted_for_each_language(count):
    """As a shell, Python and JavaScript read them back."""
    signature = Signature((TensorSpec(AWKWARD, Datatype.BYTES, (count,)),), ())
    inputs = {AWKWARD: np.full(count, AWKWARD.encode(), object)}
    request = ExampleRequest("http://host", "m", None, example_tensors(signature, inputs))
    wanted = {"name": AWKWARD, "shape": [count], "datatype": "BYTES", "data": [AWKWARD] * count}

    command = FORMS["curl"](request).replace("curl -s", "sent", 1)
    shell = (
        'sent() { for word; do last=$word; done; [ "$last" = @- ] && cat || printf %s "$last"; }\n'
    )
    assert json.loads(run("sh", "-c", shell + command))["inputs"] == [wanted]

    space: dict[str, object] = {}
    head, _, _ = FORMS["python"](request).partition("request =")
    exec(head, space)
    assert space["body"] == {"inputs": [wanted]}
    compile(FORMS["tritonclient"](request), "triton", "exec")
    compile(FORMS["locust"](request), "locust", "exec")
