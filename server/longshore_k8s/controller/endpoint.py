"""Where the API server is, and who asks: the pod's service account, or a kubeconfig."""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from longshore.errors import SettingsError

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An API server as one identity reaches it."""

    server: str
    tls: ssl.SSLContext
    token: Callable[[], str]
    """Read anew for each request, because kubelets renew it; empty where a certificate says who."""
    namespace: str
    """The identity's own."""


def find_endpoint(kubeconfig: str | None) -> Endpoint:
    """Of a kubeconfig (`--kubeconfig`, else `$KUBECONFIG`), else of the pod that this runs in.

    Raises:
        SettingsError: there is neither, or it cannot be used.
    """
    path = kubeconfig or os.environ.get("KUBECONFIG")
    try:
        return _of_kubeconfig(Path(path)) if path else _of_pod()
    except (OSError, ssl.SSLError, yaml.YAMLError, KeyError, StopIteration, ValueError) as error:
        where = path or f"the service account in {_ACCOUNT}"
        raise SettingsError(f"no cluster to work for by {where}: {error!r}") from error


def _of_pod() -> Endpoint:
    host = os.environ["KUBERNETES_SERVICE_HOST"]
    port = os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    address = f"[{host}]" if ":" in host else host
    return Endpoint(
        f"https://{address}:{port}",
        ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt")),
        lambda: (_ACCOUNT / "token").read_text(encoding="utf-8").strip(),
        (_ACCOUNT / "namespace").read_text(encoding="utf-8").strip(),
    )


def _of_kubeconfig(path: Path) -> Endpoint:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    context = _named(document["contexts"], document["current-context"])["context"]
    cluster = _named(document["clusters"], context["cluster"])["cluster"]
    user = _named(document["users"], context["user"]).get("user") or {}
    if "exec" in user or "auth-provider" in user:
        raise ValueError(
            "its credentials come from a plugin; the controller takes a token or a certificate"
        )
    return Endpoint(
        cluster["server"].rstrip("/"),
        _tls(cluster, user, path.parent),
        _token(user, path.parent),
        context.get("namespace", "default"),
    )


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)


def _tls(cluster: dict[str, Any], user: dict[str, Any], folder: Path) -> ssl.SSLContext:
    if data := cluster.get("certificate-authority-data"):
        tls = ssl.create_default_context(cadata=base64.b64decode(data).decode())
    else:
        file = cluster.get("certificate-authority")
        tls = ssl.create_default_context(cafile=str(folder / file) if file else None)
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    if "client-certificate-data" in user:
        _load_data(tls, user["client-certificate-data"], user["client-key-data"])
    elif "client-certificate" in user:
        tls.load_cert_chain(folder / user["client-certificate"], folder / user["client-key"])
    return tls


def _load_data(tls: ssl.SSLContext, certificate: str, key: str) -> None:
    """`ssl` reads files alone: one that nobody else can read, for as long as that takes."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(base64.b64decode(certificate) + b"\n" + base64.b64decode(key))
        file.flush()
        tls.load_cert_chain(file.name)


def _token(user: dict[str, Any], folder: Path) -> Callable[[], str]:
    if file := user.get("tokenFile"):
        return lambda: (folder / file).read_text(encoding="utf-8").strip()
    token = str(user.get("token", ""))
    return lambda: token
