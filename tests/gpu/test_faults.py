"""Faults of a GPU that a process cannot recover from, and those that it can."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest

from loadtests.bench.models import MODELS
from loadtests.bench.payloads import v2_binary
from longshore.errors import OutOfDeviceMemory
from tests.attacks.served_process import ServedProcess
from tests.gpu.forms import FORMS, random_batch
from tests.gpu.test_answers import assert_close, load

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(600)]
MIB = 2**20


def post(server: ServedProcess, name: str, batch: np.ndarray) -> tuple[int, bytes]:
    payload = v2_binary(batch)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        path = f"/v2/models/{name}/infer"
        connection.request("POST", path, payload.body, payload.headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def wait_for(condition: Callable[[], object], timeout_seconds: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


@pytest.mark.parametrize("form", ["torchscript", "pt2"])
def test_an_assertion_on_the_device_ends_the_process_with_its_code(on_gpu, form):
    directory = on_gpu("encoder", form)
    with ServedProcess(directory, device="cuda", drain_delay_seconds=3) as server:
        batch = random_batch(MODELS["encoder"], 1)
        assert post(server, "encoder", batch)[0] == 200

        status, body = post(server, "encoder", batch + 10_000_000)

        assert status == 503
        assert b"the device is lost" in body
        assert server.management("/v2/health/ready")[0] == 503
        assert server.management("/v2/health/live")[0] == 503
        assert server.metric("longshore_device_lost") == 1
        assert server.wait(timeout_seconds=30) == 3


def test_a_batch_beyond_the_memory_limit_is_halved_until_it_fits(on_gpu):
    directory = on_gpu("cnn", "pt2")
    limit = {"memory_limit_bytes": 700 * MIB, "graphs": "off"}
    loaded = load(directory, max_batch_size=2, cuda=limit)
    batch = random_batch(MODELS["cnn"], 2)
    wanted = loaded.backends[0].execute({"x": batch}, ("y",))["y"]
    large = np.concatenate([batch] * 256)

    with pytest.raises(OutOfDeviceMemory):
        loaded.backends[0].execute({"x": large}, ("y",))
    assert_close(loaded.backends[0].execute({"x": batch}, ("y",))["y"], wanted)
    loaded.close()


@pytest.mark.parametrize("form", FORMS)
def test_device_and_memory_are_told_in_metadata_and_metrics(on_gpu, form):
    with ServedProcess(on_gpu("encoder", form), device="cuda") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("GET", "/v2/models/encoder")
        parameters = json.loads(connection.getresponse().read())["parameters"]
        assert parameters["device"] == "cuda:0"
        assert parameters["device_name"]
        assert parameters["precision"] == "float32"
        wait_for(lambda: server.metric("longshore_device_memory_total_bytes") > MIB)
        assert server.metric("longshore_device_memory_used_bytes") > 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("device", ["cuda:99", "GPU-00000000-0000-0000-0000-000000000000"])
def test_a_device_that_is_not_there_is_a_load_failure_in_words(on_gpu, form, device):
    server = ServedProcess(on_gpu("encoder", form), device=device)
    try:
        wait_for(lambda: "problems" in server.health())
        (problem,) = server.health()["problems"]
        assert f"device {device} was asked for, but" in problem
    finally:
        server.stop()


def test_a_uuid_finds_its_device(on_gpu):
    directory = on_gpu("encoder", "pt2")
    program = "import torch; print(torch.cuda.get_device_properties(0).uuid)"
    uuid = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout
    with ServedProcess(directory, device=f"GPU-{uuid.strip()}") as server:
        assert post(server, "encoder", random_batch(MODELS["encoder"], 1))[0] == 200
