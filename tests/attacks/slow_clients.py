"""Clients that hold connections: slow heads, huge heads, thousands of idle ones, never reading.

Meanwhile ordinary requests are sent at a steady rate. The figures are their latency, and the memory
that the server needs for the attackers.
"""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

from tests.attacks.http_client import connect_with_small_buffer, post
from tests.attacks.overload import OpenClients
from tests.attacks.served_process import ServedProcess, identity_model, infer_body

INFER = "/v2/models/echo/infer"
RATE = 100.0
SECONDS = 5.0
IDLE_CONNECTIONS = 10_000
SLOW_CLIENTS = 1000
NEVER_READING = 200
ANSWER_ROWS = 5000
"""Some 100 kB each way: a client that does not read fills the buffers of its socket at once."""

Attack = Callable[[int], AbstractAsyncContextManager[None]]


async def connect(port: int, count: int) -> list[socket.socket]:
    connections = []
    for number in range(count):
        connections.append(await connect_with_small_buffer(port))
        if number % 100 == 0:
            await asyncio.sleep(0.005)
    return connections


@asynccontextmanager
async def kept_busy(
    connections: list[socket.socket], act: Callable[[socket.socket], None], pause: float
) -> AsyncIterator[None]:
    """`act` on every connection again and again, also after the server has closed it."""

    async def act_again() -> None:
        while True:
            for number, client in enumerate(connections):
                with suppress(OSError):
                    act(client)
                if number % 50 == 0:
                    await asyncio.sleep(0.001)
            await asyncio.sleep(pause)

    acting = asyncio.create_task(act_again())
    try:
        yield
    finally:
        acting.cancel()
        for client in connections:
            client.close()


@asynccontextmanager
async def idle_connections(port: int) -> AsyncIterator[None]:
    async with kept_busy(await connect(port, IDLE_CONNECTIONS), lambda client: None, 1.0):
        yield


@asynccontextmanager
async def slow_heads(port: int) -> AsyncIterator[None]:
    connections = await connect(port, SLOW_CLIENTS)
    for client in connections:
        client.send(f"POST {INFER} HTTP/1.1\r\nX-Slow: ".encode())
    async with kept_busy(connections, lambda client: _send(client, b"a"), 0.5):
        yield


@asynccontextmanager
async def slow_bodies(port: int) -> AsyncIterator[None]:
    connections = await connect(port, SLOW_CLIENTS)
    for client in connections:
        client.send(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n".encode())
    async with kept_busy(connections, lambda client: _send(client, b"a"), 0.5):
        yield


@asynccontextmanager
async def huge_heads(port: int) -> AsyncIterator[None]:
    connections = await connect(port, SLOW_CLIENTS)
    head = f"POST {INFER} HTTP/1.1\r\nX-Huge: ".encode() + b"a" * 60_000
    async with kept_busy(connections, lambda client: _send(client, head), 0.2):
        yield


@asynccontextmanager
async def never_reading(port: int) -> AsyncIterator[None]:
    connections = await connect(port, NEVER_READING)
    request = post(INFER, infer_body(rows=ANSWER_ROWS))
    async with kept_busy(connections, lambda client: _send(client, request), 1.0):
        yield


def _send(client: socket.socket, data: bytes) -> None:
    client.send(data)


ATTACKS: dict[str, Attack] = {
    "10,000 connections": idle_connections,
    "1000 slow heads": slow_heads,
    "1000 slow bodies": slow_bodies,
    "1000 huge heads": huge_heads,
    "200 that never read": never_reading,
}


def serve(directory: Path, *, timeout_seconds: float = 3.0) -> ServedProcess:
    """A server that waits for the head, the body and the reading of a client for that long."""
    return ServedProcess(
        identity_model(directory), version_settle_seconds=0, write_timeout_seconds=timeout_seconds,
        header_timeout_seconds=timeout_seconds, body_timeout_seconds=timeout_seconds,
    )  # fmt: skip


async def beside(
    served: ServedProcess, attack: Attack, *, seconds: float = SECONDS, before_seconds: float = 2.0
) -> dict[str, object]:
    """Ordinary requests before an attack, and during `seconds` of it."""
    clients = OpenClients(served.port)
    await clients.send(RATE, before_seconds)
    await clients.settle()
    before, resident = clients.load.percentile(0.99), served.resident_bytes
    clients.load.served.clear()
    peak = descriptors = 0
    async with attack(served.port):
        for _ in range(int(seconds / 0.5)):
            await clients.send(RATE, 0.5)
            peak = max(peak, served.resident_bytes)
            descriptors = max(descriptors, served.descriptors)
        await clients.settle()
        clients.close()
    await asyncio.sleep(1.0)
    return {
        "others' p99 before, ms": round(1000 * before, 1),
        "others' p99, ms": round(1000 * clients.load.percentile(0.99), 1),
        "others": dict(clients.load.outcomes),
        "memory before, MiB": resident >> 20,
        "memory at its peak, MiB": peak >> 20,
        "descriptors at their peak": descriptors,
        "descriptors after": served.descriptors,
        "ready after": bool(served.health().get("ready")),
    }


async def measure_attack(directory: Path, name: str) -> dict[str, object]:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with serve(directory) as served:
        return await beside(served, ATTACKS[name])


async def measure(directory: Path) -> dict[str, object]:
    return {name: await measure_attack(directory, name) for name in ATTACKS}
