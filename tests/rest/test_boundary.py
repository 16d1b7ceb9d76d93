"""What surrounds every request: its id, its token, and an answer whatever is raised."""

from __future__ import annotations

import orjson
import pytest
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException

from longshore.errors import InvalidRequest
from longshore.rest.access import TokenFile
from longshore.rest.app import management_app
from longshore.rest.boundary import ErrorBoundary
from longshore.rest.health import Health, Heartbeat
from longshore.rest.metrics_endpoint import MetricsEndpoint
from longshore.rest.responses import json_answer, send_answer


class Got:
    def __init__(self, sent: list[dict]) -> None:
        self.status = sent[0]["status"]
        self.headers = dict(sent[0]["headers"])
        self.document = orjson.loads(sent[1]["body"])


async def ask(app, path="/v2", *, method="GET", headers: dict[bytes, bytes] | None = None) -> Got:
    sent: list[dict] = []

    async def send(message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": list((headers or {}).items()),
    }
    await app(scope, None, send)
    return Got(sent)


def boundary(error: Exception | None = None, **options) -> ErrorBoundary:
    """Around an application that raises `error`, or says that all is well."""

    async def app(scope, receive, send) -> None:
        if error is not None:
            raise error
        await send_answer(scope, send, json_answer({"by": "routes"}))

    return ErrorBoundary(app, must_close=lambda closes_at: False, **options)


class Inference:
    """Says what it was asked for."""

    async def answer(self, target, scope, receive, send) -> None:
        await send_answer(scope, send, json_answer({"by": "inference", "of": target.name}))


async def test_the_hot_endpoint_is_tried_before_the_routes():
    app = boundary(inference=Inference())

    assert (await ask(app, "/v2/models/m/infer")).document == {"by": "inference", "of": "m"}
    assert (await ask(app, "/v2/models/m")).document == {"by": "routes"}
    assert (await ask(boundary(), "/v2/models/m/infer")).document == {"by": "routes"}


async def test_ids_of_our_own_are_counted_from_one():
    app = boundary()
    first, second = [(await ask(app)).headers[b"x-request-id"].decode() for _ in range(2)]

    prefix, _, number = first.rpartition("-")
    assert (len(prefix), int(prefix, 16) >= 0, number) == (12, True, "1")
    assert second == f"{prefix}-2"


@pytest.mark.parametrize(
    ("given", "is_kept"),
    [(b"a-1", True), (b"x" * 128, True), (b"x" * 129, False), (b"", False), (b"a b", False)],
)
async def test_an_id_that_can_be_printed_comes_back(given, is_kept):
    got = await ask(boundary(), headers={b"x-request-id": given})

    assert (got.headers[b"x-request-id"] == given) is is_kept


async def test_a_token_is_asked_for_where_there_is_a_file(tmp_path):
    (tmp_path / "tokens").write_text("secret")
    app = boundary(tokens=TokenFile(tmp_path / "tokens"))

    refused = await ask(app)
    assert (refused.status, refused.headers[b"www-authenticate"]) == (401, b"Bearer")
    assert (await ask(app, headers={b"authorization": b"Bearer secret"})).status == 200


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (InvalidRequest("no"), 400, "no"),
        (HTTPException(404), 404, "no such path: /v2"),
        (HTTPException(405, headers={"Allow": "POST, GET"}), 405, None),
        (ZeroDivisionError("secret"), 500, "internal error; the log has the details"),
    ],
)
async def test_whatever_is_raised_is_an_answer(error, status, message):
    got = await ask(boundary(error))

    assert got.status == status
    assert message in (None, got.document["error"])
    assert got.headers.get(b"allow") == (b"GET, POST" if status == 405 else None)


async def test_the_management_port_keeps_its_connections(clock):
    class Unready:
        is_draining = is_ready = is_loading = False
        device_fault = None

    health = Health(Unready(), Unready(), Heartbeat(clock))
    app = management_app(health, MetricsEndpoint(CollectorRegistry()))

    got = await ask(app, "/v2/health/live")

    assert (got.status, got.document) == (200, {"live": True})
    assert b"connection" not in got.headers
