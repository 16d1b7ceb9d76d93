"""What the two ends of a push say to each other: lines of JSON, and the bytes of files.

To the pod: a request; then for each file a line with its name and where it goes on, and its bytes;
then one with each calibration, and one that ends it. From the pod: lines alone, the last of which
says what became of it.
"""

from __future__ import annotations

import json
import os
import select
import sys
from collections.abc import Iterator
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

PROTOCOL = 2
"""2: calibrations travel."""
CHUNK_BYTES = 128 * 1024
MAX_LINE_BYTES = 16 * 1024 * 1024
SILENCE_SECONDS = 120.0
"""After which either end takes the other for gone."""


def encode(document: Json) -> bytes:
    return json.dumps(document).encode() + b"\n"


class InputEnded(Exception):
    """The other end is gone, or said nothing for `SILENCE_SECONDS`."""


class Input:
    """Lines and bytes from a descriptor."""

    def __init__(self, descriptor: int, *, silence_seconds: float = SILENCE_SECONDS) -> None:
        self._descriptor = descriptor
        self._silence_seconds = silence_seconds
        self._buffer = b""

    def line(self) -> Json:
        """Raises:
        InputEnded: see there.
        ValueError: it is no object, or too long.
        """
        while b"\n" not in self._buffer:
            if len(self._buffer) > MAX_LINE_BYTES:
                raise ValueError(f"a line of more than {MAX_LINE_BYTES} bytes")
            self._buffer += self._read()
        line, _, self._buffer = self._buffer.partition(b"\n")
        document = json.loads(line)
        if not isinstance(document, dict):
            raise ValueError("not an object")
        return document

    def chunks(self, size: int) -> Iterator[bytes]:
        """The next `size` bytes, as they come.

        Raises:
            InputEnded: see there.
        """
        while size:
            found = self._buffer or self._read()
            yield found[:size]
            self._buffer = found[size:]
            size -= min(size, len(found))

    def _read(self) -> bytes:
        ready, _, _ = select.select([self._descriptor], [], [], self._silence_seconds)
        found = os.read(self._descriptor, 8 * CHUNK_BYTES) if ready else b""
        if not found:
            raise InputEnded
        return found


def tell(document: Json) -> None:
    """Say it to the other end."""
    sys.stdout.buffer.write(encode(document))
    sys.stdout.buffer.flush()
