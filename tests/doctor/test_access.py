"""The namespace that a command is about, where `-n` does not say it: as kubectl knows it."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml

from longshore.commands.catalogue import find_command
from longshore.errors import SettingsError
from longshore_k8s import client
from longshore_k8s.access import add_cluster_options, add_namespace_option, namespace_of

COMMANDS = {
    "push": ["models/digits", "claim/models", "--no-run", "--image", "longshore:1-cpu"],
    "versions": ["claim/models", "--image", "longshore:1-cpu"],
    "doctor": ["digits"],
    "models": [],
    "capacity": ["--release", "digits", "--slo", "p99=50ms"],
}


class Handler(BaseHTTPRequestHandler):
    """Knows nothing, and keeps what it was asked for."""

    seen: list[str]

    def do_GET(self) -> None:
        self.seen.append(self.path)
        self.send_response(404)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_GET  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def kubeconfig(tmp_path) -> Iterator[str]:
    """With the contexts `shop` (current) and `bare`, which names no namespace."""
    Handler.seen = []
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        path = tmp_path / "config"
        path.write_text(document(f"http://127.0.0.1:{server.server_port}"))
        yield str(path)
        server.shutdown()
        thread.join()


def document(server: str, current: str = "shop") -> str:
    who = {"cluster": "c", "user": "u"}
    return yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": current,
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "letmein"}}],
        "contexts": [
            {"name": "shop", "context": {**who, "namespace": "shop-of-one"}},
            {"name": "bare", "context": who},
        ],
    })  # fmt: skip


def asked(name: str, *options: str) -> set[str]:
    """The namespaces that a command asks about."""
    command = find_command(name)
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    with suppress(SettingsError):
        command.run(parser.parse_args([*COMMANDS[name], *options]))
    words = [path.partition("?")[0].split("/") for path in Handler.seen]
    return {path[path.index("namespaces") + 1] for path in words if "namespaces" in path}


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_namespace_option(parser, "its namespace")
    add_cluster_options(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_about_the_namespace_of_the_context(name, kubeconfig):
    assert asked(name, "--kubeconfig", kubeconfig) == {"shop-of-one"}
    Handler.seen = []
    assert asked(name, "--kubeconfig", kubeconfig, "--context", "bare") == {"default"}
    Handler.seen = []
    assert asked(name, "--kubeconfig", kubeconfig, "-n", "other") == {"other"}


def test_another_context_is_taken_where_the_current_one_is_gone(tmp_path):
    path = tmp_path / "config"
    path.write_text(document("http://127.0.0.1:1", current="gone"))

    assert namespace_of(parsed("--kubeconfig", str(path), "--context", "shop")) == "shop-of-one"


def test_in_a_pod_it_is_the_pods_own(tmp_path, monkeypatch):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setattr(client, "_OWN_NAMESPACE", tmp_path / "namespace")
    (tmp_path / "namespace").write_text("jobs\n")

    assert namespace_of(parsed()) == "jobs"


@pytest.mark.parametrize("content", [None, "", "[]", "kind: Config\n", "{"])
def test_a_kubeconfig_that_is_none_is_a_mistake_of_use(tmp_path, content):
    path = tmp_path / "config"
    if content is not None:
        path.write_text(content)

    with pytest.raises(SettingsError, match="no cluster to ask: "):
        namespace_of(parsed("--kubeconfig", str(path)))
