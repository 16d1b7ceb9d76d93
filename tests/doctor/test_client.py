from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml

from longshore.errors import SettingsError
from longshore_k8s.api import ClusterUnreachable
from longshore_k8s.client import ClusterClient

ANSWERS = {"/api/v1/nodes?limit=5": (200, {"items": [{"a": 1}]}), "/api/v1/secrets": (403, {})}


class Handler(BaseHTTPRequestHandler):
    seen: list[tuple[str, str | None]]
    kept: list[tuple[str, str, str, dict]]

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers["Authorization"]))
        status, body = ANSWERS.get(self.path, (503, {"state": "FAILED"}))
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _keep(self) -> None:
        length = int(self.headers["Content-Length"])
        body = json.loads(self.rfile.read(length))
        self.kept.append((self.command, self.path, self.headers["Content-Type"], body))
        self.do_GET()

    def do_POST(self) -> None:
        self._keep()

    def do_PATCH(self) -> None:
        self._keep()

    def do_DELETE(self) -> None:
        self._keep()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    Handler.seen, Handler.kept = [], []
    with HTTPServer(("127.0.0.1", 0), Handler) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture
def kubeconfig(tmp_path, server):
    return str(write_kubeconfig(tmp_path / "config", server.server_port))


def write_kubeconfig(path, port):
    path.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {"token": "letmein"}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    }))  # fmt: skip
    return path


def test_a_path_is_asked_for_with_the_users_credentials(kubeconfig):
    reply = ClusterClient(kubeconfig).get("/api/v1/nodes", limit="5")

    assert (reply.status, reply.json()) == (200, {"items": [{"a": 1}]})
    assert Handler.seen == [("/api/v1/nodes?limit=5", "Bearer letmein")]


@pytest.mark.parametrize(("path", "status"), [("/api/v1/secrets", 403), ("/ready", 503)])
def test_every_status_is_a_reply_with_its_body_and_is_asked_for_once(kubeconfig, path, status):
    reply = ClusterClient(kubeconfig).get(path)

    assert reply.status == status
    assert isinstance(reply.json(), dict)
    assert len(Handler.seen) == 1


def test_what_is_changed_is_sent_as_json_and_merged_where_it_is_a_patch(kubeconfig):
    client, path, body = ClusterClient(kubeconfig), "/api/v1/secrets", {"spec": {"replicas": 0}}

    assert client.post(path, body).status == 403
    client.patch(path, body)
    client.delete(path)
    client.delete(path, grace_seconds=0)

    plain, background = "application/json", {"propagationPolicy": "Background"}
    assert Handler.kept == [
        ("POST", path, plain, body),
        ("PATCH", path, "application/merge-patch+json", body),
        ("DELETE", path, plain, background),
        ("DELETE", path, plain, {**background, "gracePeriodSeconds": 0}),
    ]


def test_a_cluster_that_is_not_there_is_told_with_its_address(tmp_path):
    config = write_kubeconfig(tmp_path / "config", 1)

    with pytest.raises(ClusterUnreachable, match=r"http://127\.0\.0\.1:1: "):
        ClusterClient(str(config)).get("/api/v1/nodes")


@pytest.mark.parametrize("content", [None, "", "[]", "kind: Config\n", "{"])
def test_a_kubeconfig_that_is_none_is_a_mistake_of_use(tmp_path, content):
    path = tmp_path / "config"
    if content is not None:
        path.write_text(content)

    with pytest.raises(SettingsError, match="no cluster to ask: "):
        ClusterClient(str(path))
