"""Long BYTES outputs as JSON, in pieces: one call over 50 MB would hold up every other client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import orjson
from msgspec import Struct

from longshore.errors import InvalidRequest
from longshore.protocol.steps import STEP_BYTES, Body

CONTINUATION, IS_CONTINUATION = 0xC0, 0x80
"""Mask and value of the bytes amid a character of UTF-8."""
LONGEST_CHARACTER = 4
ELEMENT_BYTES = 32
"""What an element takes beside its bytes; a million of none take long too."""


class LongTexts(Struct, frozen=True):
    """The elements of the output `name`, as UTF-8."""

    name: str
    elements: list[Body]

    def pieces(self) -> Iterator[bytes]:
        """A JSON list of strings; the pieces follow one another.

        Raises:
            InvalidRequest: an element is not UTF-8.
        """
        try:
            yield b"["
            for index, group in enumerate(grouped(self.elements)):
                if index:
                    yield b","
                if len(group) == 1:
                    yield from string_pieces(group[0])
                else:
                    yield orjson.dumps([element.decode() for element in group])[1:-1]
            yield b"]"
        except UnicodeDecodeError as error:
            raise not_text(self.name) from error


def are_long(elements: Sequence[Body]) -> bool:
    return sum(map(len, elements)) + ELEMENT_BYTES * len(elements) > STEP_BYTES


def grouped(elements: Iterable[Body]) -> Iterator[list[Body]]:
    """`elements` in their order, in lists that hold a step's bytes, or one longer element alone."""
    group: list[Body] = []
    size = 0
    for element in elements:
        added = len(element) + ELEMENT_BYTES
        if group and size + added > STEP_BYTES:
            yield group
            group, size = [], 0
        group.append(element)
        size += added
    if group:
        yield group


def string_pieces(text: Body) -> Iterator[bytes]:
    """`text`, UTF-8, as one JSON string."""
    yield b'"'
    begin = 0
    while begin < len(text):
        end = _character_end(text, begin + STEP_BYTES)
        yield orjson.dumps(text[begin:end].decode())[1:-1]
        begin = end
    yield b'"'


def not_text(name: str) -> InvalidRequest:
    return InvalidRequest(
        f"output '{name}' holds bytes that are not UTF-8 text and have no JSON form; "
        "ask for it with `binary_data`: true"
    )


def _character_end(text: Body, end: int) -> int:
    """The end of a character at or shortly before `end`; `end` where there is none."""
    for back in range(LONGEST_CHARACTER):
        if end - back >= len(text) or text[end - back] & CONTINUATION != IS_CONTINUATION:
            return end - back
    return end
