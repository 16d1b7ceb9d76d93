"""Fuzzing of every parser of untrusted bytes.

Well-formed inputs are mutated: bits flipped, parts cut, repeated, or replaced by parts of other
inputs and by tokens that are hard to parse. Each has to give a value, or an error of
`longshore.errors`, within a second. Of every few thousand one is a MiB long, a part of it repeated,
and has some seconds more, by parser. Requests are then sent to a real process over HTTP.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from longshore.errors import LongshoreError, ModelConfigError, ModelLoadError
from longshore.protocol import codec, v1
from longshore.protocol.messages import InferenceResponse
from longshore.repository.strict_yaml import StrictYamlError
from longshore.tensors import Signature
from tests.attacks import file_parsers
from tests.attacks.http_client import post
from tests.attacks.malformed import every_request
from tests.attacks.served_process import ServedProcess, identity_model, infer_body

INPUTS = 1_000_000
SHARES = {
    "json": 0.3, "binary": 0.16, "v1": 0.16, "manifest": 0.1, "config": 0.05, "external data": 0.06,
    "pt2": 0.01, "torchscript": 0.02, "program": 0.05, "record": 0.04, "samples": 0.01,
    "http": 0.04,
}  # fmt: skip
SLOW_SECONDS = 1.0
SECONDS_PER_MIB = {
    "json": 1.0, "binary": 1.0, "v1": 1.0, "manifest": 0.5, "config": 3.0, "external data": 1.5,
    "pt2": 1.0, "torchscript": 1.0, "program": 3.0, "record": 1.0, "samples": 2.0,
}  # fmt: skip
"""Beyond `SLOW_SECONDS`, of the input; on a machine with other work."""
LONG_BYTES = 2**20
ONE_LONG_IN = 2000
HANG_SECONDS = 10.0
HTTP_CLIENTS = 50
PREDICT, INFER = "/v1/models/echo:predict", "/v2/models/echo/infer"
WIDE = file_parsers.WIDE
NARROW = Signature(WIDE.inputs[:1], WIDE.outputs[:1])
TOKENS = [
    *(b"0", b"-1", b"1e999", b"NaN", b"18446744073709551616", b"9223372036854775808", b"0.1"),
    *(b"null", b"true", b'""', b"[]", b"{}", b"[[]]", b'"\\ud800"', b"\xff", b"\0", b"\\u0000"),
    *(b'"inputs"', b'"data"', b'"shape"', b'"name"', b'"datatype"', b'"parameters"', b'"outputs"'),
    *(b'"binary_data_size"', b'"b64"', b'"x"', b'"b"', b'"FP64"', b'"BYTES"', b'"BOOL"', b","),
    *(b"&a", b"*a", b"<<: ", b"!!python/object:os.system", b"- ", b"? ", b"|\n", b"\t", b"---\n"),
    *(b"..", b"/", b"\\", b"manifest.json", b"\r\n", b"\r\n\r\n", b"chunked", b"Content-Length: "),
]  # fmt: skip

JSON_SEEDS = [
    json.dumps(document).encode()
    for document in (
        {"id": "1", "inputs": [
            {"name": "x", "shape": [2, 4], "datatype": "FP32", "data": [[1, 2, 3, 4], [5, 6, 7, 8]],
             "parameters": {}},
            {"name": "b", "shape": [1], "datatype": "BYTES", "data": ["text"]}]},
        {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1.5, -2, 3e3, 0]}],
         "outputs": [{"name": "x", "parameters": {"binary_data": True}}],
         "parameters": {"timeout": 5000, "binary_data_output": False}},
        {"inputs": [{"name": "b", "shape": [2], "datatype": "BYTES",
                     "data": [{"b64": "AAEC"}, "\u00e9"]}]},
    )
]  # fmt: skip
V1_SEEDS = [
    b'{"instances": [[1, 2, 3, 4], [5, 6, 7, 8]]}',
    b'{"instances": [{"x": [1, 2, 3, 4], "b": {"b64": "AAEC"}}]}',
    b'{"inputs": {"x": [[1, 2, 3, 4]], "b": ["text"]}}',
]
BINARY_SEEDS = [
    json.dumps({"inputs": [
        {"name": "x", "shape": [1, 4], "datatype": "FP32", "parameters": {"binary_data_size": 16}},
        {"name": "b", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": 11}}]},
    ).encode() + bytes(16) + b"\3\0\0\0abc\0\0\0\0",
    bytes(16),
]  # fmt: skip


class Mutator:
    """Mutates seed inputs; the same number gives the same mutations."""

    def __init__(self, seeds: list[bytes], number: int) -> None:
        self._seeds = seeds
        self._random = random.Random(number)

    def __call__(self) -> bytes:
        data = bytearray(self._random.choice(self._seeds))
        for _ in range(self._random.choice((1, 1, 1, 2, 5))):
            self._mutate(data)
        return bytes(data)

    def long(self) -> bytes:
        """A part of a mutated input repeated until it is a MiB."""
        data = self()
        start = self._random.randrange(len(data) + 1)
        stop = start + self._random.choice((1, 2, 4, 8, 16, 64))
        part = data[start:stop] or self._random.choice(TOKENS)
        return data[:start] + part * (LONG_BYTES // len(part)) + data[stop:]

    def _mutate(self, data: bytearray) -> None:
        chance = self._random
        at = chance.randrange(len(data) + 1)
        until = min(len(data), at + chance.choice((1, 1, 4, 16, 64)))
        kind = chance.randrange(7)
        if kind == 0:
            data[at:until] = chance.choice(TOKENS)
        elif kind == 1:
            data[at:at] = chance.choice(TOKENS)
        elif kind == 2:
            del data[at:until]
        elif kind == 3:
            data[at:at] = data[at:until] * chance.choice((1, 2, 50))
        elif kind == 4 and data:
            data[at % len(data)] ^= 1 << chance.randrange(8)
        elif kind == 5:
            other = chance.choice(self._seeds)
            start = chance.randrange(len(other))
            data[at:until] = other[start : start + chance.choice((1, 8, 64))]
        elif chance.random() < 0.3:
            del data[at:]


def json_target(data: bytes, chance: random.Random) -> None:
    signature = chance.choice((WIDE, NARROW))
    request = codec.decode_request(data, header_length=None, signature=signature)
    codec.encode_response(InferenceResponse("m", "1", request.inputs), request)


def binary_target(data: bytes, chance: random.Random) -> None:
    signature = chance.choice((WIDE, NARROW))
    length = chance.choice((0, len(data), max(0, data.find(b"}]}") + 3), chance.randrange(400)))
    request = codec.decode_request(
        data, header_length=min(length, len(data)), signature=signature
    )  # fmt: skip
    codec.encode_response(InferenceResponse("m", "1", request.inputs), request)


def v1_target(data: bytes, chance: random.Random) -> None:
    request = v1.decode_request(data, signature=chance.choice((WIDE, NARROW)))
    v1.encode_response(InferenceResponse("m", "1", request.inputs), request)


Target = Callable[[bytes, random.Random], None]
TARGETS: dict[str, tuple[Target, list[bytes]]] = {
    "json": (json_target, JSON_SEEDS),
    "binary": (binary_target, BINARY_SEEDS),
    "v1": (v1_target, V1_SEEDS),
    **file_parsers.TARGETS,
}
EXPECTED = (LongshoreError, ModelConfigError, ModelLoadError, StrictYamlError)


@dataclass(slots=True)
class Findings:
    inputs: int = 0
    accepted: int = 0
    faults: list[str] = field(default_factory=list)
    """Errors that are not of the family, time limits passed, and empty messages, with the input."""


def shown(data: bytes) -> str:
    return repr(data) if len(data) < 20_000 else f"{data[:200]!r}... of {len(data)} bytes"


@contextmanager
def no_longer_than(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: object) -> None:
        raise TimeoutError(f"took longer than {seconds:g} s")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def fuzz(name: str, inputs: int, number: int) -> Findings:
    """Feed `inputs` mutated inputs to one target, in this process."""
    target, seeds = TARGETS[name]
    mutated, chance = Mutator(seeds, number), random.Random(number)
    findings = Findings()
    with np.errstate(all="ignore"):
        for index in range(inputs):
            data = mutated.long() if index % ONE_LONG_IN == 0 else mutated()
            findings.inputs += 1
            try:
                with no_longer_than(SLOW_SECONDS + SECONDS_PER_MIB[name] * len(data) / LONG_BYTES):
                    target(data, chance)
                findings.accepted += 1
            except EXPECTED as error:
                if not str(error):
                    findings.faults.append(f"{name}: empty message for {shown(data)}")
            except BaseException as error:
                findings.faults.append(
                    f"{name}: {type(error).__name__}: {error} from {shown(data)}"
                )
    return findings


async def fuzz_process(
    served: ServedProcess, inputs: int, number: int
) -> tuple[Findings, Counter[str]]:
    """Mutated requests over HTTP: each has to be answered, and none by 5xx."""
    whole = [request for name, request in every_request() if len(request) < 4000]
    seeds = [post(INFER, infer_body()), post(PREDICT, V1_SEEDS[0]), *whole]
    mutated_request, mutated_body = Mutator(seeds, number), Mutator([infer_body()], number)
    findings, statuses = Findings(), Counter[str]()

    async def send(count: int) -> None:
        for index in range(count):
            data = post(INFER, mutated_body()) if index % 2 else mutated_request()
            status = await _first_status(served.port, data)
            findings.inputs += 1
            findings.accepted += status == "200"
            statuses[status] += 1
            if status == "hung" or status.startswith("5"):
                findings.faults.append(f"http: {status} from {data!r}")

    await asyncio.gather(*(send(inputs // HTTP_CLIENTS) for _ in range(HTTP_CLIENTS)))
    return findings, statuses


async def _first_status(port: int, data: bytes) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        async with asyncio.timeout(HANG_SECONDS):
            answer = await reader.read(65536)
    except TimeoutError:
        return "hung"
    except OSError:
        return "closed"
    finally:
        writer.close()
    return answer[9:12].decode() if answer.startswith(b"HTTP/1.1 ") else "closed"


async def measure(directory: Path, *, inputs: int | None = None) -> dict[str, object]:
    inputs = inputs or int(os.environ.get("FUZZ_INPUTS", INPUTS))
    number = int(os.environ.get("FUZZ_SEED", time.time()))
    figures: dict[str, object] = {"seed": number}
    faults: list[str] = []
    total = 0
    with ProcessPoolExecutor(1) as pool:
        for name in TARGETS:
            count = round(inputs * SHARES[name])
            found = await asyncio.wrap_future(pool.submit(fuzz, name, count, number))
            figures[name] = {"inputs": found.inputs, "accepted": found.accepted}
            faults += found.faults
            total += found.inputs
    with ServedProcess(
        identity_model(directory), version_settle_seconds=0,
        header_timeout_seconds=0.3, body_timeout_seconds=0.3,
    ) as served:  # fmt: skip
        found, statuses = await fuzz_process(served, round(inputs * SHARES["http"]), number)
        figures["http"] = {"inputs": found.inputs, "answers": dict(statuses)}
        faults += found.faults
        alive, tracebacks = served.is_running, served.log.count("Traceback")
    return {
        **figures,
        "inputs in all": total + found.inputs,
        "crashes, hangs, unexpected errors and 5xx": faults[:20],
        "server still running": alive,
        "tracebacks in its log": tracebacks,
    }
