"""Protocol buffers of a file that nobody has vouched for, walked without the onnx package.

https://protobuf.dev/programming-guides/encoding/. Fields are skipped by their length, runs of
numbers by one search, and the work is bounded by the size: a file made to be slow is refused like a
broken one.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable, Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_STEPS = 4_000_000
"""A field is one step, about a microsecond; of a run of numbers every 32 bytes are."""
_BYTES_PER_STEP = 32
_FREE_STEPS = 200_000
_BYTES_PER_FIELD = 4
"""Of a model at the least, on average: names and nested messages are longer."""
_TOLD_STEPS = 4096


def _tags(wire_type: int) -> bytes:
    """A character class of the one-byte tags of this wire type (fields 1 to 15)."""
    return b"[" + b"".join(b"\\x%02x" % (field << 3 | wire_type) for field in range(1, 16)) + b"]"


_NUMBERS = re.compile(
    b"(?:%s[\x80-\xff]{0,9}[\x00-\x7f]|%s.{4}|%s.{8}){1,4096}+"
    % (_tags(_VARINT), _tags(_FIXED32), _tags(_FIXED64)),
    re.DOTALL,
)
"""Fields that hold one number; 4096 at a time, which bounds what the search remembers."""


class Malformed(ValueError):
    """Not a protocol buffer, or more work to read than any model is."""


class ProtobufReader:
    """Reads the messages of one file; all of them share one bound of work."""

    def __init__(
        self, buffer: mmap.mmap, advance: Callable[[int], None] = lambda count: None
    ) -> None:
        """`advance` is told of bytes that were passed, while the messages are read in order."""
        self.buffer = buffer
        self._steps = 0
        self._most_steps = min(_MAX_STEPS, _FREE_STEPS + len(buffer) // _BYTES_PER_FIELD)
        self._advance = advance
        self._told = (0, 0)
        """Steps and position when `advance` was called last."""

    def fields(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Number, first and last byte (exclusive) of each length-delimited field of the message
        between `start` and `end`; numbers are passed over.

        Raises:
            Malformed: see there.
        """
        position = start
        while position < end:
            position = self._skip_numbers(position, end)
            if position >= end:
                return
            tag, after = self._varint(position, end)
            number, wire_type = tag >> 3, tag & 7
            if number == 0 or wire_type not in (_VARINT, _FIXED64, _BYTES, _FIXED32):
                raise Malformed(f"no field begins at byte {position}")
            position = after
            if wire_type == _BYTES:
                length, position = self._varint(position, end)
                self._check_room(position, length, end)
                yield number, position, position + length
                position += length
            elif wire_type == _VARINT:
                _, position = self._varint(position, end)
            else:
                size = 8 if wire_type == _FIXED64 else 4
                self._check_room(position, size, end)
                position += size

    def strings(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """As `fields`, with the bytes themselves."""
        for number, first, last in self.fields(start, end):
            yield number, self.buffer[first:last]

    def _skip_numbers(self, position: int, end: int) -> int:
        self._steps += 1
        while found := _NUMBERS.match(self.buffer, position, end):
            self._steps += (found.end() - position) // _BYTES_PER_STEP
            position = found.end()
            self._check_work(position)
        self._check_work(position)
        return position

    def _check_work(self, position: int) -> None:
        if self._steps > self._most_steps:
            raise Malformed("it has more fields than any model")
        steps, told = self._told
        if self._steps - steps >= _TOLD_STEPS:
            self._advance(position - told)
            self._told = (self._steps, position)

    def _check_room(self, position: int, length: int, end: int) -> None:
        if length > end - position:
            raise Malformed(f"a field at byte {position} is longer than what holds it")

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if position >= end:
                raise Malformed("truncated")
            byte = self.buffer[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, position
        raise Malformed(f"a number at byte {position} does not end")
