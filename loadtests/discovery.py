"""Which model a server serves, and which inputs the model has."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from typing import Any

TIMEOUT_SECONDS = 10.0
INFER_PATH = re.compile(r"/v2/models/([^/{}]+)/infer")


class DiscoveryError(Exception):
    """The server does not say what a load test needs; the message names the option to set."""


def discover_model(host: str, headers: dict[str, str]) -> str:
    """The name of the one model behind `host`: from Triton's repository index where it is served,
    else from the OpenAPI document.

    Raises:
        DiscoveryError: neither names exactly one model.
    """
    names = _names_from_index(host, headers) or _names_from_openapi(host, headers)
    if len(names) == 1:
        return names.pop()
    found = f"several models: {', '.join(sorted(names))}" if names else "no model"
    raise DiscoveryError(f"{host} names {found}: choose one with --model or LONGSHORE_MODEL")


def fetch_metadata(host: str, model: str, headers: dict[str, str]) -> dict[str, Any]:
    """The model's metadata document.

    Raises:
        DiscoveryError: the server is out of reach, or does not serve `model`.
    """
    try:
        metadata: dict[str, Any] = _ask(f"{host}/v2/models/{model}", headers, method="GET")
    except (OSError, ValueError) as error:
        raise DiscoveryError(f"{host} has no metadata of the model {model!r}: {error}") from error
    if not metadata.get("inputs"):
        raise DiscoveryError(f"the metadata of the model {model!r} at {host} lists no inputs")
    return metadata


def _names_from_index(host: str, headers: dict[str, str]) -> set[str]:
    try:
        index = _ask(f"{host}/v2/repository/index", headers, method="POST")
        return {row["name"] for row in index if row.get("state") == "READY"}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return set()


def _names_from_openapi(host: str, headers: dict[str, str]) -> set[str]:
    try:
        paths = _ask(f"{host}/openapi.json", headers, method="GET")["paths"]
    except (OSError, ValueError, TypeError, KeyError):
        return set()
    return {found[1] for path in paths if (found := INFER_PATH.fullmatch(path))}


def _ask(url: str, headers: dict[str, str], *, method: str) -> Any:
    content = b"{}" if method == "POST" else None
    request = urllib.request.Request(url, data=content, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        return json.load(response)
