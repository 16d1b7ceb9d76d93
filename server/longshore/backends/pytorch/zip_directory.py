"""How long the list of entries of a zip archive says it is, before anybody reads it.

Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.14 to 4.3.16.
"""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

_END = struct.Struct("<4s4H2LH")
_END_MARK, _END_SIZE = b"PK\5\6", 5
_LARGE_END = struct.Struct("<4sQ2H2L4Q")
_LARGE_END_MARK, _LARGE_END_SIZE = b"PK\6\6", 8
_LOCATOR = struct.Struct("<4sLQL")
_LOCATOR_MARK, _LOCATOR_POSITION = b"PK\6\7", 2
_MOST_COMMENT_BYTES = 2**16


def zip_directory_bytes(file: BinaryIO) -> int:
    """Bytes, found where `zipfile` finds them; 0 where it finds no end of an archive. The file is
    at its beginning afterwards.
    """
    size = file.seek(0, io.SEEK_END)
    tail = _read(file, max(0, size - _END.size - _MOST_COMMENT_BYTES), size)
    file.seek(0)
    at = _find_end(tail)
    if at < 0 or at + _END.size > len(tail):
        return 0
    small = int(_END.unpack_from(tail, at)[_END_SIZE])
    large = _large_directory_bytes(file, size - len(tail) + at)
    file.seek(0)
    return small if large is None else large


def _find_end(tail: bytes) -> int:
    """Without a comment it is the last thing of all; else the last thing that looks like one."""
    last = len(tail) - _END.size
    if last >= 0 and tail[last:].startswith(_END_MARK) and tail.endswith(b"\0\0"):
        return last
    return tail.rfind(_END_MARK)


def _large_directory_bytes(file: BinaryIO, end: int) -> int | None:
    """That of an archive in the form for large ones, whose end is before the ordinary one; `None`
    where it has another form. Releases of Python look for it in two places.
    """
    before = end - _LOCATOR.size
    locator = _read(file, max(0, before), end)
    if len(locator) < _LOCATOR.size or not locator.startswith(_LOCATOR_MARK):
        return None
    found = []
    for place in (_LOCATOR.unpack(locator)[_LOCATOR_POSITION], before - _LARGE_END.size):
        content = _read(file, place, place + _LARGE_END.size) if 0 <= place < end else b""
        if len(content) == _LARGE_END.size and content.startswith(_LARGE_END_MARK):
            found.append(int(_LARGE_END.unpack(content)[_LARGE_END_SIZE]))
    return max(found, default=None)


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)
