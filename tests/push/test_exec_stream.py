"""The exec of our client against the exec of our node agent, over TLS."""

from __future__ import annotations

import http.server
import ssl
import threading
import time

import pytest
import yaml

from longshore_k8s.api import ClusterUnreachable, Reply
from longshore_k8s.client import ClusterClient
from longshore_k8s.exec_stream import ConnectionBroke
from tests.cluster.control_plane.certificates import CertificateAuthority
from tests.cluster.node_agent.log_server import LogHandler

POD = "/exec/prod/pod"
"""The node agent's path, to which the client adds `/exec`: the name of the container."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return CertificateAuthority.create(tmp_path_factory.mktemp("authority") / "ca")


@pytest.fixture
def kubeconfig(authority, tmp_path):
    """Of a server that runs each command on this machine."""
    issued = authority.issue("node", "node", hosts=("127.0.0.1",))

    class Handler(LogHandler):
        find = staticmethod(lambda *words: None)
        inside = staticmethod(
            lambda namespace, pod, name, command: command if pod == "pod" else None
        )

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    cluster = {
        "server": f"https://127.0.0.1:{server.server_port}",
        "certificate-authority": str(authority.authority.certificate),
    }
    config = tmp_path / "config"
    config.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": "letmein"}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    }))  # fmt: skip
    yield str(config)
    server.shutdown()
    thread.join()
    server.server_close()


def everything(stream):
    """All of stdout, to the end of the process."""
    found = b""
    while (piece := stream.receive(5)) is not None:
        found += piece
    return found


def test_megabytes_go_in_and_come_out_again(kubeconfig):
    content = bytes(range(256)) * 20_000
    stream = ClusterClient(kubeconfig).execute(POD, ["head", "-c", str(len(content))])

    back = b""
    for start in range(0, len(content), 100_000):
        stream.send(content[start : start + 100_000])
        back += stream.receive(0) or b""
    back += everything(stream)
    stream.close()

    assert back == content
    assert stream.exit_code == 0


def test_an_exit_code_and_the_last_words_are_told(kubeconfig):
    stream = ClusterClient(kubeconfig).execute(POD, ["sh", "-c", "echo no >&2; exit 7"])

    assert everything(stream) == b""
    assert (stream.exit_code, stream.stderr) == (7, "no")
    stream.close()


def test_a_process_that_is_left_loses_its_input_and_ends(kubeconfig, tmp_path):
    done = tmp_path / "done"
    stream = ClusterClient(kubeconfig).execute(POD, ["sh", "-c", f"cat >/dev/null; touch {done}"])
    stream.send(b"something")
    stream.close()

    until = time.monotonic() + 10
    while not done.exists():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_pod_that_is_not_there_is_a_reply(kubeconfig):
    reply = ClusterClient(kubeconfig).execute("/exec/prod/other", ["true"])

    assert isinstance(reply, Reply)
    assert reply.status == 404


def test_a_connection_that_breaks_says_so(kubeconfig):
    stream = ClusterClient(kubeconfig).execute(POD, ["cat"])
    stream._socket.sock.shutdown(2)

    with pytest.raises(ConnectionBroke):
        everything(stream)
    stream.close()


def test_nobody_there_is_told(tmp_path):
    config = tmp_path / "config"
    config.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    }))  # fmt: skip

    with pytest.raises(ClusterUnreachable, match=r"127\.0\.0\.1:1"):
        ClusterClient(str(config)).execute(POD, ["true"])
