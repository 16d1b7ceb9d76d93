"""`longshore predict` against real servers."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import numpy as np
import pytest

from longshore.cli import main
from longshore.tensors import Datatype
from longshore_k8s.capacity.local_ports import unused_port
from tests.attacks.served_process import ServedProcess, identity_model
from tests.integration.test_access import make_certificate
from tests.integration.test_lifecycle import QUICK

SEVEN = Path(__file__).parents[2] / "models" / "digits" / "request.json"


def url(server: ServedProcess, path: str = "") -> str:
    return f"http://127.0.0.1:{server.port}{path}"


@pytest.mark.parametrize(
    "path", ["", "/", "/v2/models/digits", "/v2/models/digits/versions/1/infer"]
)
def test_a_server_is_asked_whichever_way_it_is_named(digits, capsys, path):
    assert main(["predict", url(digits, path), "--input", str(SEVEN)]) == 0

    text = capsys.readouterr().out
    assert "largest: 7" in text
    assert "digits version 1: " in text


def test_server_and_directory_give_the_same_answer(digits, capsys):
    found = []
    for target in (url(digits), str(SEVEN.parent)):
        assert main(["predict", target, "--input", str(SEVEN), "-o", "json"]) == 0
        found.append(json.loads(capsys.readouterr().out)["outputs"][0]["data"])

    np.testing.assert_allclose(*found, rtol=1e-5)


def test_requests_are_repeated_on_one_connection(digits, capsys):
    before = digits.metric("longshore_requests_total")

    assert main(["predict", url(digits), "--repeat", "50"]) == 0

    assert "50 requests, one after the other: p50 " in capsys.readouterr().out
    assert digits.metric("longshore_requests_total") == before + 50


def test_every_datatype_goes_and_comes_by_name(every_datatype, capsys, tmp_path):
    arguments = []
    for name in ("UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"):
        bounds = np.iinfo(Datatype(name).numpy_dtype)
        np.save(tmp_path / f"{name}.npy", np.array([[bounds.min, bounds.max]], bounds.dtype))
        arguments += ["--input", f"INPUT_{name}={tmp_path / name}.npy"]
    for name in ("FP16", "FP32", "FP64"):
        (tmp_path / f"{name}.csv").write_text("1.5,-0.25\n")
        arguments += ["--input", f"INPUT_{name}={tmp_path / name}.csv"]
    (tmp_path / "BOOL.json").write_text("[[true, false]]")
    (tmp_path / "STRING.txt").write_text("a\né\n")
    arguments += ["--input", f"INPUT_BOOL={tmp_path / 'BOOL.json'}"]
    arguments += ["--input", f"INPUT_STRING={tmp_path / 'STRING.txt'}"]

    assert main(["predict", url(every_datatype), *arguments, "-o", "json"]) == 0

    outputs = json.loads(capsys.readouterr().out)["outputs"]
    found = {output["name"]: output["data"] for output in outputs}
    assert len(found) == 13
    assert found["OUTPUT_UINT64"] == [0, 2**64 - 1]
    assert found["OUTPUT_INT64"] == [-(2**63), 2**63 - 1]
    assert found["OUTPUT_FP16"] == [1.5, -0.25]
    assert found["OUTPUT_BOOL"] == [True, False]
    assert found["OUTPUT_STRING"] == ["a", "é"]


def test_an_example_is_sent_to_a_model_of_every_datatype(every_datatype, capsys):
    assert main(["predict", url(every_datatype)]) == 0
    assert capsys.readouterr().out.count("OUTPUT_") == 13


def test_a_token_is_sent_as_the_server_asks_for_it(capsys, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("secret\n")
    with ServedProcess(identity_model(tmp_path), auth_token_file=tokens, **QUICK) as server:
        assert main(["predict", url(server)]) == 1
        text = capsys.readouterr().err
        assert "401: an 'Authorization: Bearer' header is needed; --token-file gives one" in text
        assert main(["predict", url(server), "--token-file", str(tokens)]) == 0
        header = "authorization: Bearer secret"
        assert main(["predict", url(server), "--header", header]) == 0
        (tmp_path / "other").write_text("wrong")
        assert main(["predict", url(server), "--token-file", str(tmp_path / "other")]) == 1


def test_a_certificate_is_trusted_when_it_is_named(capsys, tmp_path):
    make_certificate(tmp_path, "server")
    options = {"tls_cert_file": tmp_path / "tls.crt", "tls_key_file": tmp_path / "tls.key"}
    with ServedProcess(identity_model(tmp_path), **options, **QUICK) as server:
        https = f"https://127.0.0.1:{server.port}"
        assert main(["predict", https]) == 1
        assert "certificate verify failed" in capsys.readouterr().err
        assert main(["predict", https, "--ca-file", str(tmp_path / "tls.crt")]) == 0


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/v2/models/other", "404: unknown model 'other'; this server serves 'digits'"),
        ("/v2/models/digits/versions/9", "404: unknown version '9'"),
        ("/elsewhere", "404: no such path: /elsewhere/v1/models; which model is meant?"),
    ],
)
def test_what_the_server_refuses_is_told(digits, capsys, path, message):
    assert main(["predict", url(digits, path)]) == 1

    text = capsys.readouterr().err
    assert message in text
    assert text.count("\n") == 1


def test_a_server_that_is_not_there_is_told(capsys):
    assert main(["predict", f"http://127.0.0.1:{unused_port()}"]) == 1
    assert "Connection refused" in capsys.readouterr().err


def test_a_server_that_is_silent_is_waited_for_as_long_as_asked(capsys):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"

        assert main(["predict", address, "--timeout", "0.2"]) == 1

    assert "no answer in time (--timeout)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "answers no JSON object"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "is no model of the Open Inference"),
        (b"HTTP/1.1 502 Bad\r\nContent-Length: 4\r\n\r\nlost", "502: lost"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "SSH-2.0-OpenSSH"),
    ],
)
def test_a_server_of_another_kind_is_told(capsys, answer, message):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer_once, args=(listener, answer))
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/v2/models/m"

        assert main(["predict", address, "--timeout", "5"]) == 1
        thread.join()

    assert message in capsys.readouterr().err


def answer_once(listener: socket.socket, answer: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(answer)
