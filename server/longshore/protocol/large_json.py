"""Large JSON tensors, decoded piece by piece.

A parser holds the interpreter lock until it is done: 100 MB of JSON at once would delay every other
client for seconds. So the long lists of numbers are cut out of the document first, the rest is
parsed as usual, and each list is converted in pieces of a millisecond; the caller does all this on
a worker thread. simdjson, where it is installed, converts a list three times faster than
orjson and keeps no Python object per number.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from msgspec import Struct

from longshore.errors import InvalidRequest
from longshore.protocol.json_data import array_from_elements
from longshore.protocol.json_document import MAX_WHOLE_BYTES, parse_object, parse_piece
from longshore.protocol.number_pieces import numbers_from_piece
from longshore.protocol.steps import Body, count, find, join
from longshore.tensors import Array, Datatype, element_count

LARGE_BODY_BYTES = 64 * 1024
"""Smaller bodies are parsed whole: that takes less than waking a thread."""
PIECE_BYTES = 128 * 1024
MAX_ROWS = 1_000_000
"""Most innermost lists of a nested tensor that are looked at one by one."""
MAX_ENDLESS = 16
"""Lists without an end that are looked for: texts may hold a bracket."""
KEY = b'"data"'
_LIST_BEGIN = re.compile(rb"\s{0,1000}:\s{0,1000}\[")
_SPACES = re.compile(rb"\s+")


class NumberList(Struct, frozen=True):
    """A list in `body`, brackets included, that holds neither strings nor objects."""

    body: Body
    start: int
    stop: int

    def to_array(self, shape: tuple[int, ...], *, datatype: Datatype, name: str) -> Array:
        """As `json_data.array_from_list`, with the same errors.

        Raises:
            InvalidRequest: names the input, the value found and what is allowed.
        """
        count = element_count(shape)
        if 2 * count > self.stop - self.start + 1:
            raise self._miscounted(name, shape, "fewer")
        array = np.empty(count, dtype=datatype.numpy_dtype)
        filled = 0
        for piece in self._pieces(shape, name):
            numbers = numbers_from_piece(piece, datatype)
            if numbers is None:
                numbers = array_from_elements(
                    parse_piece(piece, name),
                    datatype=datatype,
                    name=name,
                    may_hold_booleans=True,
                    first_index=filled,
                )
            if filled + len(numbers) > count:
                raise self._miscounted(name, shape, "more")
            array[filled : filled + len(numbers)] = numbers
            filled += len(numbers)
        if filled != count:
            raise self._miscounted(name, shape, str(filled))
        return array.reshape(shape)

    def _miscounted(self, name: str, shape: tuple[int, ...], found: str) -> InvalidRequest:
        return InvalidRequest(
            f"input '{name}': `data` has {found} elements, "
            f"shape {list(shape)} needs {element_count(shape)}"
        )

    def _pieces(self, shape: tuple[int, ...], name: str) -> Iterator[bytes]:
        """The numbers in pieces between commas, nesting checked and removed."""
        begin, end = self.start + 1, self.stop - 1
        if find(self.body, b"[", begin, end) < 0:
            return self._cut(begin, end)
        return self._nested_pieces(shape, name)

    def _cut(self, begin: int, end: int) -> Iterator[bytes]:
        while begin < end:
            cut = end
            if end - begin > PIECE_BYTES:
                cut = self.body.rfind(b",", begin, begin + PIECE_BYTES)
                cut = end if cut < 0 else cut
            yield bytes(self.body[begin:cut])
            begin = cut + 1
            if begin == end:
                yield b""  # a comma at the very end: the piece after it is no number

    def _nested_pieces(self, shape: tuple[int, ...], name: str) -> Iterator[bytes]:
        rows: list[bytes] = []
        size = 0
        skeleton = bytearray()
        last = self.start
        for begin, end in _innermost_lists(self.body, self.start, self.stop):
            if count(self.body, b",", begin, end) + 1 != shape[-1]:
                raise self._misnested(shape, name)
            skeleton += self.body[last:begin] + b"0"
            last = end
            size += end - begin
            if end - begin < PIECE_BYTES:
                rows.append(bytes(self.body[begin + 1 : end - 1]))
            if size >= PIECE_BYTES:
                if rows:
                    yield b",".join(rows)
                rows, size = [], 0
            if end - begin >= PIECE_BYTES:
                yield from self._cut(begin + 1, end - 1)
        skeleton += self.body[last : self.stop]
        if _SPACES.sub(b"", skeleton) != _nesting(shape[:-1]):
            raise self._misnested(shape, name)
        if rows:
            yield b",".join(rows)

    def _misnested(self, shape: tuple[int, ...], name: str) -> InvalidRequest:
        return InvalidRequest(
            f"input '{name}': `data` is not nested as shape {list(shape)} says; "
            "send it flat in row-major order, or nested exactly so"
        )


class Convert(Protocol):
    """How a list becomes an array: `NumberList.to_array`, or as that does it."""

    def __call__(
        self, numbers: NumberList, shape: tuple[int, ...], /, *, datatype: Datatype, name: str
    ) -> Array: ...


def take_apart(body: Body) -> tuple[dict[str, Any], dict[str, NumberList]]:
    """The document of `body` with its long lists of numbers replaced by strings, and those lists by
    these strings.

    Raises:
        InvalidRequest: not a JSON object.
        PayloadTooLarge: the rest is too much to parse in one call.
    """
    nonce = os.urandom(8).hex()
    lists: dict[str, NumberList] = {}
    rest: list[bytes | memoryview] = []
    last = 0
    for found in _number_lists(body):
        token = f"{nonce}:{len(lists)}"
        lists[token] = found
        rest += (memoryview(body)[last : found.start], b'"%b"' % token.encode())
        last = found.stop
    if not lists:
        return parse_object(body), {}
    rest.append(memoryview(body)[last:])
    try:
        return parse_object(join(rest)), lists
    except InvalidRequest:
        # Either it is not JSON, or a string held what looked like a list: parse the whole body.
        if len(body) > MAX_WHOLE_BYTES:
            raise
        return parse_object(body), {}


def _number_lists(body: Body) -> Iterator[NumberList]:
    position = 0
    ends = _ListEnds(body)
    while not ends.is_spent and (key := find(body, KEY, position, len(body))) >= 0:
        position = key + len(KEY)
        begin = _LIST_BEGIN.match(body, position)
        if begin is None:
            continue
        start = begin.end() - 1
        stop = ends.after(start)
        if stop is None or stop - start < PIECE_BYTES // 8:
            continue
        if find(body, b'"', start, stop) < 0 and find(body, b"{", start, stop) < 0:
            yield NumberList(body, start, stop)
        position = stop


class _ListEnds:
    """Where lists end. What is looked through is bounded for the whole body: lists inside of lists,
    and lists without an end, would be looked through again for each of them.
    """

    def __init__(self, body: Body) -> None:
        self._body = body
        self._brackets_left = 2 * MAX_ROWS
        self._endless_left = MAX_ENDLESS

    @property
    def is_spent(self) -> bool:
        return self._brackets_left <= 0 or self._endless_left <= 0

    def after(self, start: int) -> int | None:
        """The index after the bracket that closes the one at `start`; `None` if not found."""
        body, depth, position = self._body, 1, start + 1
        while self._brackets_left > 0:
            self._brackets_left -= 1
            close = find(body, b"]", position, len(body))
            if close < 0:
                self._endless_left -= 1
                return None
            depth += count(body, b"[", position, close) - 1
            position = close + 1
            if depth == 0:
                return position
        return None


def _innermost_lists(body: Body, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Where the lists that hold no other list begin and end, brackets included."""
    position = start
    while (close := body.find(b"]", position, stop)) >= 0:
        begin = body.rfind(b"[", position, close)
        if begin >= 0:
            yield begin, close + 1
        position = close + 1


def _nesting(shape: tuple[int, ...]) -> bytes:
    """The brackets and commas of lists nested as `shape` says, with 0 for each innermost one."""
    text = b"0"
    for size in reversed(shape):
        text = b"[" + b",".join([text] * size) + b"]"
    return text
