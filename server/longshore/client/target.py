"""What `longshore predict` and `longshore example` are told to ask: a URL, or a directory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from longshore.client.remote import RemoteOptions, RemoteServer
from longshore.client.served_model import ServedModel
from longshore.errors import SettingsError

_MODEL = re.compile(r"(?P<prefix>.*?)/v2/models/(?P<name>[^/]+)(/versions/(?P<version>[^/]+))?")
_ENDS = ("/infer", "/ready", "/config", "/stats")


def is_url(target: str) -> bool:
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", target) is not None


@contextmanager
def opened(
    target: str, remote: RemoteOptions, *, version: str | None, local: Mapping[str, Any]
) -> Iterator[ServedModel]:
    """The model at the URL, or the one in the directory, which is loaded by the settings `local`.

    Raises:
        SettingsError: a URL of another kind.
        RequestRefused: the server cannot be asked.
        ModelLoadError: the model cannot be served.
    """
    name: str | None = None
    server: Any
    if is_url(target):
        base_url, name, in_path = parse_url(target)
        version = version or in_path
        server = RemoteServer(base_url, remote)
    else:
        from longshore.client.local import LocalServer  # loads half of the server

        server = LocalServer(Path(target), {**local, "model_version": version})
    try:
        yield ServedModel(server, name, version)
    finally:
        server.close()


def parse_url(url: str) -> tuple[str, str | None, str | None]:
    """The server's URL, and model and version where the path names them, as in
    `http://HOST/v2/models/NAME/versions/1/infer`.

    Raises:
        SettingsError: neither http nor https, or parts that would not be sent.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise SettingsError(f"{url}: the scheme must be http or https, found {parts.scheme}")
    if parts.username is not None or parts.password is not None:
        raise SettingsError(f"{parts.scheme}://{parts.hostname}: give credentials by --header")
    if parts.query or parts.fragment:
        raise SettingsError(f"{url}: a URL with '?' or '#' names no server and no model")
    path = parts.path.rstrip("/")
    for end in _ENDS:
        path = path.removesuffix(end)
    found = _MODEL.fullmatch(path)
    name = version = None
    if found is not None:
        path, name = found["prefix"], unquote(found["name"])
        version = None if found["version"] is None else unquote(found["version"])
    return urlunsplit((parts.scheme, parts.netloc, path, "", "")), name, version
