"""The Kubernetes API, asked for plain JSON; the `kubernetes` client knows where it is and who asks.

The client's models change with each of its releases and drop fields that they do not know; its
dynamic client writes a file of a name that others can guess.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client, config
from kubernetes.config import kube_config
from kubernetes.stream import ws_client
from websocket import WebSocketBadStatusException, setdefaulttimeout

from longshore.errors import SettingsError
from longshore_k8s.api import ClusterUnreachable, Json, Reply
from longshore_k8s.exec_stream import PROTOCOL, ExecStream

_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_CONNECT_SECONDS, _READ_SECONDS = 3.0, 10.0


class ClusterClient:
    """Asks one API server."""

    def __init__(self, kubeconfig: str | None = None, context: str | None = None) -> None:
        """Of a kubeconfig (by default `$KUBECONFIG`, then `~/.kube/config`), or of the pod that
        this runs in.

        Raises:
            SettingsError: neither is there, or it is wrong.
        """
        configuration = client.Configuration()
        with _settings_errors():
            if _is_of_this_pod(kubeconfig, context):
                config.load_incluster_config(client_configuration=configuration)
            else:
                config.load_kube_config(
                    kubeconfig, context, client_configuration=configuration, persist_config=False
                )
        configuration.retries = False
        self._api = client.ApiClient(configuration)

    def get(self, path: str, **query: str) -> Reply:
        """Ask for `path`, such as `/api/v1/nodes`; every status is a reply.

        Raises:
            ClusterUnreachable: there is none.
        """
        return self._call(self._request("GET", path, list(query.items())))

    def post(self, path: str, body: Json) -> Reply:
        """Create an object; otherwise as `get`."""
        return self._call(self._request("POST", path, body=body))

    def patch(self, path: str, body: Json) -> Reply:
        """Merge `body` into an object (RFC 7396); otherwise as `get`."""
        kind = "application/merge-patch+json"
        return self._call(self._request("PATCH", path, body=body, content_type=kind))

    def delete(self, path: str, *, grace_seconds: int | None = None) -> Reply:
        """Delete an object, and in the background what it owns; otherwise as `get`."""
        body: Json = {"propagationPolicy": "Background"}
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        return self._call(self._request("DELETE", path, body=body))

    def execute(self, pod: str, command: Sequence[str]) -> ExecStream | Reply:
        """Start `command` in the only container of a pod, whose path `pod` is; a reply where the
        API server or the kubelet refuses.

        Raises:
            ClusterUnreachable: there is none.
        """
        streams = [(name, "true") for name in ("stdin", "stdout", "stderr")]
        query = [*(("command", word) for word in command), *streams]
        _, url, headers, *_ = self._request("GET", f"{pod}/exec", query)
        given = {key.lower(): value for key, value in headers.items()}
        given["sec-websocket-protocol"] = PROTOCOL
        url = ws_client.get_websocket_url(url, None)
        setdefaulttimeout(_READ_SECONDS)  # of the handshake: the stream sets its own
        try:
            socket = ws_client.create_websocket(self._api.configuration, url, given)
        except WebSocketBadStatusException as error:
            return Reply(error.status_code, error.resp_body or b"")
        except Exception as error:  # as below
            raise ClusterUnreachable(f"{self._api.configuration.host}: {error}") from error
        return ExecStream(socket)

    def _request(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        body: Json | None = None,
        content_type: str = "application/json",
    ) -> tuple[Any, ...]:
        headers = {"Accept": "application/json, */*"}
        if body is not None:
            headers["Content-Type"] = content_type
        request: tuple[Any, ...] = self._api.param_serialize(
            method,
            path,
            query_params=list(query),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        return request

    def _call(self, request: tuple[Any, ...]) -> Reply:
        try:
            response = self._api.call_api(
                *request, _request_timeout=(_CONNECT_SECONDS, _READ_SECONDS)
            )
            return Reply(int(response.status), response.read() or b"")
        except Exception as error:  # of urllib3, ssl, or a plugin that fetches credentials
            raise ClusterUnreachable(f"{self._api.configuration.host}: {error}") from error


def current_namespace(kubeconfig: str | None, context: str | None) -> str:
    """Of a context of the kubeconfig, by default its current one, or of the pod that this runs in;
    `default` where that says none.

    Raises:
        SettingsError: as `ClusterClient`.
    """
    with _settings_errors():
        if _is_of_this_pod(kubeconfig, context):
            return _OWN_NAMESPACE.read_text(encoding="utf-8").strip()
        merged = kube_config.KubeConfigMerger(
            kubeconfig or kube_config.KUBE_CONFIG_DEFAULT_LOCATION
        ).config
        if merged is None:
            raise config.ConfigException("there is no kubeconfig")
        found = kube_config.KubeConfigLoader(merged, active_context=context).current_context
        return str(found["context"].get("namespace") or "default")


@contextmanager
def _settings_errors() -> Iterator[None]:
    try:
        yield
    except (config.ConfigException, yaml.YAMLError, OSError, TypeError) as error:
        raise SettingsError(f"no cluster to ask: {error}") from error


def _is_of_this_pod(kubeconfig: str | None, context: str | None) -> bool:
    is_in_one = "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ
    return kubeconfig is None and context is None and is_in_one
