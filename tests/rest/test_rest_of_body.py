"""Long bodies past the parser, on the loops that there are."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from functools import partial

import pytest
import uvloop

from longshore.rest.rest_of_body import LEAST_BYTES
from tests.integration.test_access import make_certificate
from tests.rest.connection import (
    HEAD,
    MAX_BODY_BYTES,
    REQUEST,
    Echo,
    Timers,
    Transport,
    exchange,
    make_protocol,
)

LONG = bytes(range(250)) * 1000
SECONDS = 10.0


class Refusing(Echo):
    """Answers before it has read anything."""

    async def __call__(self, scope, receive, send) -> None:
        scope["connection"].respond(scope, 503, b"content-length: 0\r\n", b"")


def connected(app):
    protocol, transport = make_protocol(app, Timers()), Transport()
    protocol.connection_made(transport)
    return protocol, transport


def answers(transport) -> list[bytes]:
    return [answer.partition(b" ")[0] for answer in transport.written.split(b"HTTP/1.1 ")[1:]]


async def test_the_rest_of_a_long_body_is_received_where_it_belongs():
    protocol, transport = connected(Echo())
    await exchange(protocol, HEAD % len(LONG) + LONG[:1000])
    for begin in range(1000, len(LONG), 60_000):
        await exchange(protocol, LONG[begin : begin + 60_000])

    assert transport.written.endswith(b"\r\n\r\n" + LONG)
    assert transport.unparsed == len(LONG) - 1000


async def test_the_rest_of_a_body_that_is_refused_is_thrown_away():
    protocol, transport = connected(Refusing())
    await exchange(protocol, HEAD % len(LONG) + LONG[:1000])
    await exchange(protocol, LONG[1000:] + REQUEST % b"ab")

    assert answers(transport) == [b"503", b"503"]
    assert transport.unparsed == len(LONG) - 1000


@pytest.mark.parametrize("app", [Echo, Refusing])
@pytest.mark.parametrize("left", [LEAST_BYTES - 1, LEAST_BYTES])
async def test_a_short_rest_is_left_to_the_parser(app, left):
    protocol, transport = connected(app())
    await exchange(protocol, HEAD % (1000 + left) + LONG[:1000])
    await exchange(protocol, LONG[1000 : 1000 + left])

    assert len(answers(transport)) == 1
    assert transport.unparsed == (left if left >= LEAST_BYTES else 0)


async def test_what_is_promised_takes_no_memory_before_it_comes():
    protocol, transport = connected(Echo())
    await exchange(protocol, HEAD % MAX_BODY_BYTES + LONG[:1000])

    assert len(protocol.cycle.body) <= 1000
    transport.deliver(LONG[:10], protocol)
    assert len(protocol.cycle.body) < MAX_BODY_BYTES


async def test_a_client_that_is_too_slow_with_a_long_body_may_go_on_with_the_next_request():
    app = Echo(timeout_seconds=0.0)
    protocol, transport = connected(app)
    await exchange(protocol, HEAD % len(LONG) + LONG[:1000])
    await asyncio.sleep(0.01)
    assert app.errors == ["BodyTimeout"]
    await exchange(protocol, LONG[1000:] + REQUEST % b"ab")

    assert answers(transport)[1:] == [b"200"]


async def test_requests_sent_together_with_a_long_body_between_them_keep_their_order():
    protocol, transport = connected(Echo())
    await exchange(protocol, REQUEST % b"ab" + HEAD % len(LONG) + LONG[:5])
    await exchange(protocol, LONG[5:] + REQUEST % b"cd")

    parts = transport.written.split(b"HTTP/1.1 200 OK")[1:]
    assert [part.partition(b"\r\n\r\n")[2] for part in parts] == [b"ab", LONG, b"cd"]


async def test_a_client_that_leaves_amid_what_is_thrown_away_is_forgotten():
    protocol, transport = connected(Refusing())
    await exchange(protocol, HEAD % len(LONG) + LONG[:1000])
    transport.protocol.connection_lost(None)

    assert protocol not in protocol.connections


WITH_OPENSSL = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


@pytest.mark.parametrize(
    "tls", [pytest.param(False, id="plain"), pytest.param(True, id="TLS", marks=WITH_OPENSSL)]
)
@pytest.mark.parametrize("app", [Echo, Refusing])
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_on_a_real_connection_a_long_body_is_followed_by_the_next_request(tmp_path, run, app, tls):
    run(send_long_bodies(app(), *(contexts(tmp_path) if tls else (None, None))))


def contexts(directory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of a server and of its clients."""
    make_certificate(directory, "localhost")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(directory / "tls.crt", directory / "tls.key")
    return server, ssl.create_default_context(cafile=directory / "tls.crt")


async def send_long_bodies(
    app: Echo, server_tls: ssl.SSLContext | None, client_tls: ssl.SSLContext | None
) -> None:
    make = partial(make_protocol, app, Timers())
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=server_tls)
    port = server.sockets[0].getsockname()[1]
    async with server, asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_tls)
        for body in (LONG, b"ab", LONG, b"cd"):
            writer.write(HEAD % len(body) + body)
            await writer.drain()
            answer = await reader.readuntil(b"\r\n\r\n")
            if isinstance(app, Refusing):
                assert answer.startswith(b"HTTP/1.1 503")
            else:
                assert await reader.readexactly(len(body)) == body
        writer.close()
        await writer.wait_closed()
