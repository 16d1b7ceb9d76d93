"""Errors of the family as answers."""

from __future__ import annotations

import pytest

from longshore.errors import ModelNotReady
from longshore.protocol.messages import EncodedResponse
from longshore.rest.responses import encoded_answer, error_answer, json_answer, send_answer


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.0, b"1"), (0.2, b"1"), (1.0, b"1"), (1.5, b"2"), (30.0, b"30")]
)
def test_a_client_is_told_in_whole_seconds_when_to_come_back(seconds, told):
    answer = error_answer(ModelNotReady("loading", retry_after_seconds=seconds))

    assert answer.status == 503
    assert dict(answer.headers)[b"retry-after"] == told


def test_what_is_no_error_is_ok():
    assert json_answer({}).status == 200
    assert encoded_answer(EncodedResponse(b"", [])).status == 200


@pytest.mark.parametrize(
    ("method", "must_close", "is_in_one_write"),
    [("GET", False, True), ("HEAD", False, False), ("GET", True, False)],
)
async def test_an_answer_leaves_in_one_write_where_it_can(method, must_close, is_in_one_write):
    writes, messages = [], []

    class Connection:
        def respond(self, *given) -> bool:
            writes.append(given)
            return True

    async def send(message) -> None:
        messages.append(message)

    scope = {
        "connection": Connection(), "method": method, "request_id": b"1", "closes_at": 0.0,
        "must_close": lambda closes_at: must_close,
    }  # fmt: skip
    await send_answer(scope, send, json_answer({}))

    assert (bool(writes), bool(messages)) == (is_in_one_write, not is_in_one_write)
    if messages:
        assert ((b"connection", b"close") in messages[0]["headers"]) is must_close
