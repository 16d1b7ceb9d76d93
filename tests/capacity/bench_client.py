"""How many requests a second the client sends in time: `python -m tests.capacity.bench_client`.

Alone on a machine of two cores: one for the client, one for a server that answers at once.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

from longshore_k8s.capacity.child_process import end, end_with_parent
from longshore_k8s.capacity.client_process import Address, ClientProcess
from longshore_k8s.capacity.payloads import Payload

RATES = (20, 500, 5_000, 10_000, 15_000, 20_000)
SECONDS = 3.0
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
REQUEST = Payload(b"x" * 400).request("/v2/models/m/infer", "localhost")


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._left = len(REQUEST)

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left <= 0:
            self._left += len(REQUEST)
            self._transport.write(ANSWER)  # type: ignore[attr-defined]


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    if sys.argv[1:] == ["serve"]:
        import uvloop

        uvloop.run(serve())
    *others, last = sorted(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "tests.capacity.bench_client", "serve"]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=end_with_parent(frozenset(others))
    )
    assert server.stdout is not None
    address = Address("127.0.0.1", int(server.stdout.readline()))
    with ClientProcess(address, [REQUEST], cpus=frozenset({last})) as client:
        for rate in RATES:
            step = client.open_load(rate, round(SECONDS * rate), seed=rate, patience=5.0)
            print(
                f"{rate:6} requests/s: lag p50 {1000 * step.percentile_of_lag(50):.3f} ms, p99 "
                f"{1000 * step.lag_p99:.3f} ms; latency p99 {1000 * step.percentile(99):.2f} ms; "
                f"{step.lost} lost",
                flush=True,
            )
    end(server, seconds=5.0)


if __name__ == "__main__":
    main()
