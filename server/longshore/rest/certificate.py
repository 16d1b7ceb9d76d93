"""The certificate and key of the inference port, in files that are read again when they change."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from longshore.errors import SettingsError
from longshore.rest.access import Stamp, stamp

logger = logging.getLogger(__name__)


class Certificate:
    """A certificate chain and its key; a renewal takes effect once both files match."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """
        Raises:
            SettingsError: the files cannot be read, or do not match.
        """
        self._files = (certificate, key)
        self._stamps = self._read_stamps()
        try:
            self.context = self._load()
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"tls_cert_file, tls_key_file: {self._named(error)}") from error

    def refresh(self) -> None:
        """Load the files again when they have changed. While they do not match, the old pair stays
        in use, which is logged once.
        """
        stamps = self._read_stamps()
        if stamps == self._stamps:
            return
        self._stamps = stamps
        try:
            self.context = self._load()
            logger.info("certificate reloaded: file=%s", self._files[0])
        except (OSError, ssl.SSLError) as error:
            logger.warning("certificate not reloaded: %s", self._named(error))

    def _load(self) -> ssl.SSLContext:
        """Into a new context: the one in use would serve the new certificate with the old key."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self._files, password="")  # no prompt on a terminal
        return context

    def _read_stamps(self) -> tuple[Stamp | None, ...]:
        return tuple([stamp(file) for file in self._files])

    def _named(self, error: OSError) -> str:
        certificate, key = self._files
        return f"{error} (certificate {certificate}, key {key})"
