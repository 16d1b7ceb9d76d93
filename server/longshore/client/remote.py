"""A server that is reached over HTTP, on one connection that is kept."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from longshore.client.exchange import Reply
from longshore.errors import RequestRefused, SettingsError
from longshore.protocol.steps import Body

DEADLINE = "X-Request-Timeout-Ms"


class RemoteOptions(Struct, frozen=True):
    """How a server is asked."""

    timeout_seconds: float = 30.0
    """Also the deadline that the server is told."""
    headers: tuple[tuple[str, str], ...] = ()
    token: str = ""
    ca_file: str = ""
    """Certificates (PEM) to trust in place of the system's."""


class RemoteServer:
    """`base_url` is `http://HOST[:PORT][/PREFIX]`, or https."""

    def __init__(self, base_url: str, options: RemoteOptions) -> None:
        self.base_url = base_url
        self.needs_token = bool(options.token)
        parts = urlsplit(base_url)
        self._prefix = parts.path
        self._headers = {
            DEADLINE: str(max(1, round(options.timeout_seconds * 1000))),
            **dict(options.headers),
        }
        if options.token:
            self._headers["Authorization"] = f"Bearer {options.token}"
        self._connection = _connection(base_url, options)

    def where(self, path: str) -> str:
        return f"{self.base_url}{path}"

    def exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: Body = b""
    ) -> Reply:
        """A connection that the server closed meanwhile is opened again, once."""
        given = {**self._headers, **headers}
        try:
            try:
                return self._exchange(method, path, given, body)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self._connection.close()
                return self._exchange(method, path, given, body)
        except TimeoutError as error:
            raise RequestRefused(f"{self.base_url}: no answer in time (--timeout)") from error
        except (OSError, http.client.HTTPException) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise RequestRefused(f"{self.base_url}: {reason or type(error).__name__}") from error

    def close(self) -> None:
        self._connection.close()

    def _exchange(self, method: str, path: str, headers: dict[str, str], body: Body) -> Reply:
        self._connection.request(method, self._prefix + path, body or None, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, found, content)


def read_token(file: str) -> str:
    """The first line of `file`, as `--auth-token-file` of the server has one a line.

    Raises:
        SettingsError: there is none.
    """
    try:
        lines = Path(file).read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--token-file: {error}") from error
    if not lines:
        raise SettingsError(f"--token-file: {file} holds no token")
    return lines[0]


def read_header(text: str) -> tuple[str, str]:
    """`Name: value`.

    Raises:
        SettingsError: it is not.
    """
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not (name + value).isprintable() or not text.isascii():
        raise SettingsError(f"--header: {text!r} is not of the form 'Name: value'")
    return name.strip(), value.strip()


def _connection(base_url: str, options: RemoteOptions) -> http.client.HTTPConnection:
    parts = urlsplit(base_url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsError(f"{base_url}: {error}") from error
    if not host:
        raise SettingsError(f"{base_url}: names no host")
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=options.timeout_seconds)
    try:
        context = ssl.create_default_context(cafile=options.ca_file or None)
    except OSError as error:
        raise SettingsError(f"--ca-file: {options.ca_file}: {error}") from error
    return http.client.HTTPSConnection(host, port, timeout=options.timeout_seconds, context=context)
