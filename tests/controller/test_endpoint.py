from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from longshore.errors import SettingsError
from longshore_k8s.controller.endpoint import find_endpoint


def kubeconfig(folder: Path, user: dict[str, Any], **context: str) -> str:
    path = folder / "config"
    named = {"cluster": "there", "user": "me", **context}
    document = {
        "current-context": "one",
        "contexts": [{"name": "one", "context": named}],
        "clusters": [{"name": "there", "cluster": {"server": "https://api.example:6443/"}}],
        "users": [{"name": "me", "user": user}],
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return str(path)


def test_a_token_of_a_file_is_read_anew_for_each_request(tmp_path: Path):
    (tmp_path / "token").write_text("first\n", encoding="utf-8")
    endpoint = find_endpoint(kubeconfig(tmp_path, {"tokenFile": "token"}, namespace="models"))

    assert (endpoint.server, endpoint.namespace) == ("https://api.example:6443", "models")
    assert endpoint.token() == "first"
    (tmp_path / "token").write_text("second\n", encoding="utf-8")
    assert endpoint.token() == "second"


@pytest.mark.parametrize(
    ("user", "context", "words"),
    [
        ({"exec": {"command": "aws"}}, {}, "plugin"),
        ({}, {"cluster": "elsewhere"}, "no cluster to work for by"),
        ({"client-certificate-data": "eA=="}, {}, "client-key-data"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_named_with_the_reason(
    tmp_path: Path, user: dict[str, Any], context: dict[str, str], words: str
):
    with pytest.raises(SettingsError, match=words):
        find_endpoint(kubeconfig(tmp_path, user, **context))


def test_without_a_kubeconfig_outside_of_a_pod_both_are_named(monkeypatch: pytest.MonkeyPatch):
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(SettingsError, match="service account"):
        find_endpoint(None)
