"""The files that the pages consist of, and what a browser may do with them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from longshore.rest.responses import Answer

STATIC = Path(__file__).with_name("static")
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src data:",  # the empty icon
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
"""https://www.w3.org/TR/CSP3/: nothing from elsewhere, and no script or style inside a page."""


@lru_cache(maxsize=32)
def static_file(name: str, content_type: str) -> Answer:
    """`name` is one that the routes know."""
    headers = (
        (b"content-type", f"{content_type}; charset=utf-8".encode()),
        (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
        (b"referrer-policy", b"no-referrer"),
    )
    return Answer((STATIC / name).read_bytes(), 200, headers)
