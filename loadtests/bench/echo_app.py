"""Floor: an ASGI application that reads the body and answers the same few bytes every time."""

from __future__ import annotations

from typing import Any

ANSWER = b'{"model_name":"echo","outputs":[]}'
START: dict[str, Any] = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(ANSWER)).encode()),
    ],
}
BODY: dict[str, Any] = {"type": "http.response.body", "body": ANSWER}


async def app(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send(START)
    await send(BODY)
