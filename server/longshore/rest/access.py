"""Who may ask: bearer tokens and TLS certificates from mounted files, read again when they change.

Kubernetes renews a mounted Secret by swapping a symlink; what counts is the file that a path leads
to, so the stamp follows links.
"""

from __future__ import annotations

import hmac
import logging
import os
import ssl
from pathlib import Path

from longshore.errors import SettingsError, Unauthenticated

logger = logging.getLogger(__name__)

Stamp = tuple[int, int, int]
OPEN_PATHS = frozenset({"/v2/health/live", "/v2/health/ready"})
"""Probes carry no token."""


class TokenFile:
    """The bearer tokens that are allowed, one a line (RFC 6750)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tokens = _read_tokens(path)
        self._stamp = _stamp(path)

    def check(self, path: str, headers: list[tuple[bytes, bytes]]) -> None:
        """Let a request pass, or raise.

        Raises:
            Unauthenticated: no `Authorization: Bearer` header, or none of the tokens.
        """
        if path in OPEN_PATHS:
            return
        for name, value in headers:
            if name == b"authorization":
                scheme, _, token = value.partition(b" ")
                if scheme.lower() == b"bearer" and self._allows(token.strip()):
                    return
                raise Unauthenticated("the bearer token is not one of those allowed")
        raise Unauthenticated("an 'Authorization: Bearer' header is needed")

    def refresh(self) -> None:
        """Read the file again when it has changed; a file that cannot be read changes nothing."""
        try:
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._tokens = _read_tokens(self._path)
                self._stamp = stamp
                logger.info("tokens reloaded: file=%s count=%d", self._path, len(self._tokens))
        except (OSError, SettingsError) as error:
            logger.warning("tokens not reloaded: %s", error)

    def _allows(self, token: bytes) -> bool:
        """Compares with every token, each in constant time: timing tells nothing."""
        matches = [hmac.compare_digest(token, allowed) for allowed in self._tokens]
        return any(matches)


class Certificate:
    """A TLS certificate and its key; connections after a renewal get the new one.

    `context` has loaded both already; renewals are loaded into it.
    """

    def __init__(self, certificate: Path, key: Path, context: ssl.SSLContext) -> None:
        self._certificate = certificate
        self._key = key
        self._context = context
        self._stamps = (_stamp(certificate), _stamp(key))

    def refresh(self) -> None:
        """Load the files again when they have changed; a broken pair changes nothing."""
        try:
            stamps = (_stamp(self._certificate), _stamp(self._key))
            if stamps != self._stamps:
                self._context.load_cert_chain(self._certificate, self._key)
                self._stamps = stamps
                logger.info("certificate reloaded: file=%s", self._certificate)
        except (OSError, ssl.SSLError) as error:
            logger.warning("certificate not reloaded: %s", error)


def _read_tokens(path: Path) -> tuple[bytes, ...]:
    try:
        tokens = tuple(line.strip() for line in path.read_bytes().splitlines() if line.strip())
    except OSError as error:
        raise SettingsError(f"auth_token_file: {error}") from error
    if not tokens:
        raise SettingsError(f"auth_token_file: {path} holds no token")
    return tokens


def _stamp(path: Path) -> Stamp:
    status = os.stat(path)
    return status.st_ino, status.st_mtime_ns, status.st_size
