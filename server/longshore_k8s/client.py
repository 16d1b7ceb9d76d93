"""The Kubernetes API, asked for plain JSON; the `kubernetes` client knows where it is and who asks.

The client's models change with each of its releases and drop fields that they do not know; its
dynamic client writes a file of a name that others can guess.
"""

from __future__ import annotations

import os

import yaml
from kubernetes import client, config

from longshore.errors import SettingsError
from longshore_k8s.api import ClusterUnreachable, Reply

_CONNECT_SECONDS, _READ_SECONDS = 3.0, 10.0


class ClusterClient:
    """Asks one API server, and changes nothing."""

    def __init__(self, kubeconfig: str | None = None, context: str | None = None) -> None:
        """Of a kubeconfig (by default `$KUBECONFIG`, then `~/.kube/config`), or of the pod that
        this runs in.

        Raises:
            SettingsError: neither is there, or it is wrong.
        """
        configuration = client.Configuration()
        try:
            if kubeconfig is None and context is None and _is_in_a_pod():
                config.load_incluster_config(client_configuration=configuration)
            else:
                config.load_kube_config(
                    kubeconfig, context, client_configuration=configuration, persist_config=False
                )
        except (config.ConfigException, yaml.YAMLError, OSError, TypeError) as error:
            raise SettingsError(f"no cluster to ask: {error}") from error
        configuration.retries = False
        self._api = client.ApiClient(configuration)

    def get(self, path: str, **query: str) -> Reply:
        """Ask for `path`, such as `/api/v1/nodes`; every status is a reply.

        Raises:
            ClusterUnreachable: there is none.
        """
        request = self._api.param_serialize(
            "GET",
            path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        try:
            response = self._api.call_api(
                *request, _request_timeout=(_CONNECT_SECONDS, _READ_SECONDS)
            )
            return Reply(int(response.status), response.read() or b"")
        except Exception as error:  # of urllib3, ssl, or a plugin that fetches credentials
            raise ClusterUnreachable(f"{self._api.configuration.host}: {error}") from error


def _is_in_a_pod() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ
