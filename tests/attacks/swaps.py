"""Versions that come and go under load: every answer has to be that of the version it names.

Version N adds N to its input. Half of the swaps are directories that appear and vanish, half are
swaps of Kubernetes' `..data` link; between them lie versions that are broken or half-copied.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.attacks.http_client import Answer, Connection, Outcome, post
from tests.attacks.served_process import ServedProcess

SWAPS = 10
CLIENTS = 8
STAY_SECONDS = 2.0
QUICK = {"version_settle_seconds": 0.3, "model_poll_seconds": 0.5}


def write_version(directory: Path, number: int) -> None:
    """A model that adds `number`."""
    directory.mkdir(parents=True)
    shape = ["batch", 4]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "n"], ["y"])], "add",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.full(4, number, dtype=np.float32), "n")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(directory / "model.onnx"))


def publish(model: Path, number: int) -> None:
    write_version(model / f".{number}", number)
    os.rename(model / f".{number}", model / str(number))


class CheckingClients:
    """Clients that send requests without pause and check every answer."""

    def __init__(self, port: int, name: str) -> None:
        self._port = port
        self._name = name
        self.is_over = False
        self.outcomes: Counter[str] = Counter()
        self.versions: Counter[int] = Counter()

    async def ask(self, first: float) -> None:
        values = [first, first + 1, first + 2, first + 3]
        entry = {"name": "x", "shape": [1, 4], "datatype": "FP32", "data": values}
        body = json.dumps({"inputs": [entry]}).encode()
        request = post(f"/v2/models/{self._name}/infer", body)
        connection: Connection | Outcome = Outcome.REFUSED
        while not self.is_over:
            if isinstance(connection, Outcome) or not connection.is_open:
                connection = await Connection.open(self._port)
            if isinstance(connection, Outcome):
                self.outcomes[connection.value] += 1
                continue
            answer = await connection.exchange(request, timeout_seconds=10)
            self.outcomes[self._outcome(answer, values)] += 1
            await asyncio.sleep(0.002)

    def _outcome(self, answer: Answer | Outcome, values: list[float]) -> str:
        if isinstance(answer, Outcome):
            return answer.value
        if answer.status != 200:
            return str(answer.status)
        content = json.loads(answer.body)
        added = content["outputs"][0]["data"][0] - values[0]
        self.versions[int(added)] += 1
        is_right = content["outputs"][0]["data"] == [value + added for value in values]
        is_named = content["model_version"] == str(int(added)) or self._name == "linked"
        return "right" if is_right and is_named else "wrong"

    async def wait_for(self, version: int) -> float:
        """Seconds until `version` answers."""
        started, before = time.monotonic(), self.versions[version]
        while self.versions[version] == before:
            await asyncio.sleep(0.01)
            assert time.monotonic() < started + 30, f"version {version} is not served"
        return time.monotonic() - started


async def swap_directories(model: Path, clients: CheckingClients) -> list[float]:
    """New versions, each beside something broken, and back again."""
    seconds = []
    highest = 1 + SWAPS // 4 + 1
    for number in range(2, highest + 1):
        broken = model / str(100 + number)
        broken.mkdir()
        (broken / "model.onnx").write_bytes(b"half of a file")
        publish(model, number)
        seconds.append(await clients.wait_for(number))
        await asyncio.sleep(STAY_SECONDS)
        shutil.rmtree(broken)
    for number in range(highest, highest - SWAPS // 4, -1):
        shutil.rmtree(model / str(number))
        seconds.append(await clients.wait_for(number - 1))
        await asyncio.sleep(STAY_SECONDS)
    return seconds


async def swap_links(volume: Path, clients: CheckingClients) -> list[float]:
    """As the kubelet renews a ConfigMap: a new directory, a new link, one rename."""
    seconds = []
    for number in range(2, 2 + SWAPS // 2):
        link(volume, number)
        seconds.append(await clients.wait_for(number))
        await asyncio.sleep(STAY_SECONDS)
    return seconds


def link(volume: Path, number: int) -> None:
    write_version(volume / f"..{number}", number)
    (volume / "..new").symlink_to(f"..{number}")
    os.rename(volume / "..new", volume / "..data")


async def swap_under_load(model: Path, swap: object) -> tuple[CheckingClients, list[float], float]:
    with ServedProcess(model, **QUICK) as served:
        clients = CheckingClients(served.port, model.name)
        tasks = [asyncio.create_task(clients.ask(float(n))) for n in range(CLIENTS)]
        await clients.wait_for(1)
        seconds = await (swap_links if swap == "links" else swap_directories)(model, clients)
        clients.is_over = True
        await asyncio.gather(*tasks)
        return clients, seconds, served.metric("longshore_model_load_failures_total")


async def measure(directory: Path) -> dict[str, object]:
    publish_at = directory / "numbered"
    write_version(publish_at / "1", 1)
    (directory / "linked").mkdir()
    link(directory / "linked", 1)
    (directory / "linked" / "model.onnx").symlink_to("..data/model.onnx")
    clients, seconds, failures = await swap_under_load(publish_at, "directories")
    linked, linked_seconds, _ = await swap_under_load(directory / "linked", "links")
    outcomes = clients.outcomes + linked.outcomes
    return {
        "swaps": len(seconds) + len(linked_seconds),
        "of which of a ..data link": len(linked_seconds),
        "broken versions beside them": failures,
        "requests": outcomes.total(),
        "outcomes": dict(outcomes),
        "slowest until the new version answered, s": round(max(seconds + linked_seconds), 2),
        "answers by version": {**clients.versions}, "by linked version": {**linked.versions},
    }  # fmt: skip
