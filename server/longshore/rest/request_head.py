"""The headers of an inference request, parsed once."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

from longshore.errors import InvalidRequest, UnsupportedEncoding, UnsupportedMediaType
from longshore.rest.compression import CODINGS, answer_coding

JSON_LENGTH = b"inference-header-content-length"
DEFAULT_TYPES = frozenset({b"", b"application/x-www-form-urlencoded"})
"""What curl and others send when the user names no type."""
OCTET_TYPES = frozenset({b"application/octet-stream", b"binary/octet-stream"})
JSON_TYPES = frozenset({b"application/json", b"text/json", b"application/x-json"})
JSON_SUFFIX = b"+json"
"""RFC 6839, section 3.1."""


class RequestHead(NamedTuple):
    """Checked, except `json_length`, which is compared with the body later."""

    content_length: int
    """0 when none was declared."""
    content_coding: bytes | None
    """A key of `CODINGS`; `None` for a body that is sent as it is."""
    json_length: bytes | None
    """Bytes of JSON before binary tensors, as sent."""
    timeout_seconds: float | None
    """The client's `X-Request-Timeout-Ms`."""
    answer_coding: bytes | None
    """What the answer may be compressed as."""


def read_head(headers: dict[bytes, bytes]) -> RequestHead:
    """
    Raises:
        InvalidRequest: `X-Request-Timeout-Ms` is no number above 0.
        UnsupportedMediaType: `Content-Type` is neither JSON nor octets.
        UnsupportedEncoding: a `Content-Encoding` other than gzip, deflate or identity.
    """
    get = headers.get
    content_type = get(b"content-type")
    if content_type is not None and not is_taken(content_type):
        raise UnsupportedMediaType(
            f"Content-Type '{content_type.decode('latin-1')}' is not one of application/json, "
            "application/octet-stream, or any +json"
        )
    encoding, timeout, accepted = (
        get(b"content-encoding"),
        get(b"x-request-timeout-ms"),
        get(b"accept-encoding"),
    )
    return RequestHead(
        int(get(b"content-length", 0)),
        None if encoding is None else _content_coding(encoding),
        get(JSON_LENGTH),
        None if timeout is None else _timeout_seconds(timeout),
        None if accepted is None else answer_coding(accepted),
    )


@lru_cache(maxsize=64)
def is_taken(content_type: bytes) -> bool:
    """Whether a body of this type may be an inference request.

    The type does not decide between JSON and binary tensors: the header
    `Inference-Header-Content-Length` does.
    """
    essence = content_type.partition(b";")[0].strip().lower()
    return essence in DEFAULT_TYPES | OCTET_TYPES | JSON_TYPES or essence.endswith(JSON_SUFFIX)


def _content_coding(encoding: bytes) -> bytes | None:
    coding = encoding.strip().lower()
    if coding in (b"identity", b""):
        return None
    if coding not in CODINGS:
        raise UnsupportedEncoding(
            f"Content-Encoding '{coding.decode('latin-1')}' is not one of gzip, deflate"
        )
    return coding


def _timeout_seconds(value: bytes) -> float:
    try:
        milliseconds = float(value)
    except ValueError:
        milliseconds = math.nan
    if not 0 < milliseconds < math.inf:
        raise InvalidRequest(
            f"X-Request-Timeout-Ms: {value.decode('latin-1')!r} is not a number above 0"
        )
    return milliseconds / 1000
