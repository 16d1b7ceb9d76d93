"""JSON text as Python values, and the error messages about it."""

from __future__ import annotations

import reprlib
from typing import Any

import orjson

from longshore.errors import InvalidRequest, PayloadTooLarge
from longshore.protocol.steps import Body, count

_NOT_FINITE = ("NaN", "Infinity", "-Infinity", "nan", "inf", "-inf")
_WORDS = {True: "true", False: "false", None: "null"}
MAX_WHOLE_BYTES = 16 * 1024 * 1024
MAX_WHOLE_VALUES = 400_000
"""The most JSON that is parsed in one call, which holds the interpreter lock for about 50 ms. Flat
lists of numbers do not count (`large_json`).
"""


def parse_object(text: Body, *, what: str = "the body") -> dict[str, Any]:
    """Parse `text`, which must hold a JSON object (RFC 8259); `what` is what errors call it.

    Raises:
        InvalidRequest: not JSON (with line and column), nested too deeply, or not an object.
        PayloadTooLarge: more than may be parsed in one call.
    """
    if len(text) > MAX_WHOLE_VALUES:
        _refuse_long(text, what)
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(_syntax_error(error, what)) from error
    if type(document) is not dict:
        raise InvalidRequest(
            f"{what} must be a JSON object with the key `inputs`, found {shown(document)}"
        )
    return document


def parse_piece(piece: bytes, name: str) -> list[Any]:
    """The elements of `piece`, a part of a list between two commas of it.

    Raises:
        InvalidRequest: not JSON.
    """
    try:
        elements = orjson.loads(b"[%b]" % piece)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(_syntax_error(error, f"`data` of input '{name}'")) from error
    if not elements:
        raise InvalidRequest(f"`data` of input '{name}' is not JSON: a number is missing")
    return list(elements)


def may_hold_booleans(text: Body) -> bool:
    """Whether `true` or `false` occurs anywhere in `text`; if not, no element can be a boolean, and
    their types need not be checked.
    """
    # Looking for one byte uses memchr, many times faster than for a word, and settles most bodies.
    return (b"r" in text and b"true" in text) or (b"l" in text and b"false" in text)


def shown(value: Any) -> str:
    """`value` as an error message shows it: in JSON, escaped, cut to about 60 characters."""
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    return _SHORTENED.repr(value)


def _refuse_long(text: Body, what: str) -> None:
    values = 1 + count(text, b",", 0, len(text))
    if len(text) > MAX_WHOLE_BYTES or values > MAX_WHOLE_VALUES:
        raise PayloadTooLarge(
            f"{what} is too much JSON to parse: {len(text)} bytes and {values} values or more, "
            f"besides long `data` lists of numbers; allowed are {MAX_WHOLE_BYTES} bytes and "
            f"{MAX_WHOLE_VALUES} values: send the tensors as binary data"
        )


def _syntax_error(error: orjson.JSONDecodeError, what: str) -> str:
    place = f"line {error.lineno} column {error.colno}"
    if error.doc.startswith(_NOT_FINITE, error.pos):
        return (
            f"{what} is not JSON: NaN and infinities have no JSON form ({place}); "
            "send the tensor as binary data"
        )
    return f"{what} is not JSON: {error.msg} ({place})"


def _shortened() -> reprlib.Repr:
    shortened = reprlib.Repr()
    shortened.maxstring = shortened.maxother = shortened.maxlong = 60
    shortened.maxlist = shortened.maxdict = 4
    shortened.maxlevel = 2
    return shortened


_SHORTENED = _shortened()
