"""Authentication by bearer tokens from a mounted file, read again when it changes.

Kubernetes renews a mounted Secret by replacing a symlink, so a stamp describes the file that the
link points to.
"""

from __future__ import annotations

import hmac
import logging
import os
from pathlib import Path

from longshore.errors import SettingsError, Unauthenticated

logger = logging.getLogger(__name__)

Stamp = tuple[int, int, int]
OPEN_PATHS = frozenset({"/v2/health/live", "/v2/health/ready"})
"""Probes send no token."""


class TokenFile:
    """The bearer tokens that are allowed, one a line (RFC 6750). `open_paths` need none, besides
    those of the probes.
    """

    def __init__(self, path: Path, *, open_paths: frozenset[str] = frozenset()) -> None:
        self._path = path
        self._open_paths = OPEN_PATHS | open_paths
        self._tokens = _read_tokens(path)
        self._stamp = stamp(path)

    def check(self, path: str, headers: list[tuple[bytes, bytes]]) -> None:
        """Accept a request to `path`, or raise.

        Raises:
            Unauthenticated: no `Authorization: Bearer` header, or none of the tokens.
        """
        if path in self._open_paths:
            return
        for name, value in headers:
            if name == b"authorization":
                scheme, _, token = value.partition(b" ")
                if scheme.lower() == b"bearer" and self._allows(token.strip()):
                    return
                raise Unauthenticated("the bearer token is not one of those allowed")
        raise Unauthenticated("an 'Authorization: Bearer' header is needed")

    def refresh(self) -> None:
        """Read the file again when it has changed. While it cannot be read, the tokens stay as they
        were, which is logged once.
        """
        found = stamp(self._path)
        if found == self._stamp:
            return
        self._stamp = found
        try:
            self._tokens = _read_tokens(self._path)
            logger.info("tokens reloaded: file=%s count=%d", self._path, len(self._tokens))
        except SettingsError as error:
            logger.warning("tokens not reloaded: %s", error)

    def _allows(self, token: bytes) -> bool:
        """Compares with every token, each in constant time, so that timing reveals nothing."""
        matches = [hmac.compare_digest(token, allowed) for allowed in self._tokens]
        return any(matches)


def _read_tokens(path: Path) -> tuple[bytes, ...]:
    try:
        tokens = tuple(line.strip() for line in path.read_bytes().splitlines() if line.strip())
    except OSError as error:
        raise SettingsError(f"auth_token_file: {error}") from error
    if not tokens:
        raise SettingsError(f"auth_token_file: {path} holds no token")
    return tokens


def stamp(path: Path) -> Stamp | None:
    """Changes when a file is replaced or written to; `None` when it does not exist."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
