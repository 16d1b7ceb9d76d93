"""A pod as it is asked before it has traffic: a server of ours, on its ports."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator

import pytest

from longshore_k8s.controller import server_pod
from longshore_k8s.controller.server_pod import ServerPod, ended_with, last_end_of, said_of
from longshore_k8s.controller.survey import read_samples
from tests.attacks.handshakes import make_certificate
from tests.attacks.served_process import IDENTITY, ServedProcess


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "text"
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "model.identity").write_text(IDENTITY)
    return folder


def pod(process: ServedProcess) -> ServerPod:
    ports = {"http": process.port, "management": process.management_port}
    return ServerPod("p", "127.0.0.1", ports, is_ready=True)


def test_it_says_its_signature_its_capacity_and_answers_samples(model):
    with ServedProcess(model) as process:
        process.wait_ready()
        answers = pod(process).answers("text")
        sample = {"inputs": [{"name": "INPUT0", "datatype": "FP32", "shape": [1, 4],
                              "data": [1, 2, 3, 4]}]}  # fmt: skip
        reply = pod(process).ask("http", "/v2/models/text/infer", sample)

    assert answers.metadata["inputs"] == [{"name": "INPUT0", "datatype": "FP32", "shape": [-1, 4]}]
    assert answers.capacity > 0
    assert reply.status == 200
    assert reply.json()["outputs"][0]["data"] == [1, 2, 3, 4]


def test_one_that_asks_for_a_token_is_known_as_such(model, tmp_path):
    token = tmp_path / "tokens"
    token.write_text("secret-of-this-test-0123456789\n")
    with ServedProcess(model, auth_token_file=token) as process:
        process.wait_ready()
        answers = pod(process).answers("text")

    assert answers.metadata is None
    assert answers.needs_token


def test_one_with_tls_is_asked_by_its_address(model, tmp_path):
    certificate, key = make_certificate(tmp_path)
    with ServedProcess(model, tls_cert_file=certificate, tls_key_file=key) as process:
        process.wait_ready()
        answers = pod(process).answers("text")

    assert answers.metadata["inputs"][0]["name"] == "INPUT0"


@contextlib.contextmanager
def saying(*chunks: bytes) -> Iterator[ServerPod]:
    """A pod whose ports say that to every client, and never end the connection."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    held.append(client)
                    for chunk in chunks:
                        client.sendall(chunk)

        threading.Thread(target=answer, daemon=True).start()
        port = listener.getsockname()[1]
        yield ServerPod("p", "127.0.0.1", {"http": port, "management": port}, is_ready=True)
        listener.shutdown(socket.SHUT_RDWR)
    for client in held:
        client.close()


@pytest.mark.parametrize(
    "chunks",
    [
        (),
        (b"H",),
        (b"SSH-2.0-OpenSSH\r\n",),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"{}"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",),
    ],
    ids=["nothing", "a letter", "ssh", "endless", "half", "a chunk"],
)
def test_one_that_answers_as_no_server_does_is_given_up(chunks, monkeypatch):
    monkeypatch.setattr(server_pod, "ANSWER_SECONDS", 0.3)
    with saying(*chunks) as silent:
        answers = silent.answers("text")

    assert answers.metadata is None
    assert answers.unread


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"[" * 100_000,
        b'{"inputs": 1, "outputs": []}',
        b'{"inputs": [1], "outputs": []}',
        b'{"inputs": [{"name": "x"}], "outputs": []}',
        b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": ["-1"]}], "outputs": []}',
        b'longshore_instances{ \nlongshore_seconds_per_row{a="b} 1',
    ],
)
def test_metadata_that_are_none_are_said_to_be_none(body):
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with saying(head + body) as strange:
        answers = strange.answers("text")

    assert answers.metadata is None
    assert answers.unread


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "it has 0 requests"),
        (json.dumps([{"inputs": [1]}] * 65), "it has 65 requests; 1 to 64 are allowed"),
        ("[7]", "request 1: it is no inference request"),
        ('{"inputs": [{}], "outputs": "y"}', "outputs: it has to be a list"),
        ('{"inputs": [{}], "outputs": ["y"]}', "every entry is an object with a name"),
        ('{"inputs": [{}], "outputs": [{"name": "y"}]}', "no output with the data"),
    ],
)
def test_samples_that_are_none_are_refused_with_their_number(text, words):
    with pytest.raises(ValueError, match=words):
        read_samples(text)


def test_a_lone_sample_is_a_list_of_one():
    sample = {"inputs": [{}], "outputs": [{"name": "y", "data": [1]}]}
    assert read_samples(json.dumps(sample)) == [sample]


def test_one_that_does_not_answer_says_why():
    silent = ServerPod("p", "", {}, is_ready=False)
    assert "no address" in silent.answers("text").unread


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "no GPU"}]},
            "no GPU",
        ),
        (
            {"containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull",
                                                          "message": "not found"}}}]},
            "ErrImagePull: not found",
        ),
        ({"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}, ""),
        ({}, ""),
    ],
)  # fmt: skip
def test_why_a_pod_does_not_run_is_its_own_word(status, words):
    assert said_of([{"status": status}]) == words


def ended(code, at, message="", state="state", **more):
    terminated = {"exitCode": code, "finishedAt": at, "message": message, **more}
    return {"status": {"containerStatuses": [{state: {"terminated": terminated}}]}}


def test_why_a_container_was_started_again_is_said_of_the_newest():
    older = ended(1, "2026-01-01", "it broke", "lastState", reason="Error")
    newest = ended(137, "2026-01-02", state="lastState", reason="OOMKilled")

    assert last_end_of([newest, older, ended(1, "2026-01-03")]) == "OOMKilled"
    assert last_end_of([older]) == "Error: it broke"
    assert last_end_of([{"status": {"containerStatuses": [{"state": {"running": {}}}]}}]) == ""


def test_the_last_words_are_those_of_the_newest_failure():
    pods = [ended(1, "2026-01-02", "second"), ended(1, "2026-01-01", "first"), ended(0, "z", "ok")]
    assert ended_with(pods) == "second"
    assert ended_with([]) == ""
