"""Metadata, states and statistics of the one model, by the version that is asked for."""

from __future__ import annotations

from types import SimpleNamespace

import orjson
import pytest

from longshore.errors import ModelNotFound, ModelNotReady
from longshore.execution.model import Model
from longshore.lifecycle.state import ModelState
from longshore.rest.endpoints import Endpoints
from tests.rest.endpoint_client import EndpointClient, infer_body

BATCHED = "delay_seconds: 0.003"
UNBATCHED = "input:\n  - {name: INPUT0, data_type: TYPE_FP32, dims: [3]}\n"


@pytest.fixture
async def serve(load_identity, metrics):
    clients: list[EndpointClient] = []

    def start(content: str = BATCHED, **options) -> EndpointClient:
        clients.append(EndpointClient(load_identity(content, **options), metrics))
        return clients[-1]

    yield start
    for client in clients:
        assert await client.model.close(5.0)


def endpoints(client: EndpointClient) -> Endpoints:
    return Endpoints(client.served, shows_version=False, has_repository=False)


async def told(answer) -> tuple[int, dict]:
    found = await answer
    return found.status, orjson.loads(found.body)


async def test_a_ready_model_says_so(serve):
    client = serve()

    for params in ({"name": "identity"}, {"name": "identity", "version": "1"}):
        found = await told(endpoints(client).model_ready(params))
        assert found == (200, {"name": "identity", "ready": True})


@pytest.mark.parametrize(("content", "rows"), [(BATCHED, 4), (UNBATCHED, 0)])
async def test_the_configuration_of_an_unbatched_model_has_no_batch(serve, content, rows):
    client = serve(content, **({"max_batch_size": rows} if rows else {}))

    _, config = await told(endpoints(client).model_config({"name": "identity"}))

    assert config["max_batch_size"] == rows


async def test_statistics_are_of_the_model_that_is_named_or_of_all(serve):
    client = serve()
    asked = endpoints(client)

    _, of_all = await told(asked.model_statistics({}))
    _, of_one = await told(asked.model_statistics({"name": "identity", "version": "1"}))
    assert of_all == of_one
    assert [found["version"] for found in of_all["model_stats"]] == ["1"]
    with pytest.raises(ModelNotFound, match="unknown model 'other'"):
        await asked.model_statistics({"name": "other"})


async def test_seconds_are_told_in_nanoseconds(serve):
    client = serve()
    client.model.statistics.record_failure(1.5)

    _, found = await told(endpoints(client).model_statistics({}))

    assert found["model_stats"][0]["inference_stats"]["fail"] == {"count": 1, "ns": 1_500_000_000}


async def test_the_totals_follow_what_is_answered(serve):
    client = serve()
    assert (await client.post(infer_body([[1.0], [2.0]]))).status == 200

    _, found = await told(endpoints(client).model_statistics({}))

    assert found["model_stats"][0]["inference_count"] == 2


def row(version: str, state: ModelState, reason: str = ""):
    is_ready = state is ModelState.READY
    return SimpleNamespace(version=version, state=state, is_ready=is_ready, reason=reason)


class Served:
    """Two versions, of which the second cannot be loaded."""

    name = "m"
    is_ready = True

    def __init__(self) -> None:
        self.rows = [row("1", ModelState.READY), row("2", ModelState.FAILED, "broken")]

    def statuses(self):
        return self.rows

    def get_ready(self, name: str, version: str | None = None) -> Model:
        raise (
            ModelNotFound(f"{name} {version}")
            if name != self.name or version == "3"
            else (ModelNotReady("it is being loaded"))
        )


@pytest.fixture
def v1() -> Endpoints:
    return Endpoints(Served(), shows_version=False, has_repository=False)


async def test_v1_tells_every_version_where_none_is_named(v1):
    status, found = await told(v1.v1_model({"name": "m"}))

    assert (status, found["ready"]) == (200, True)
    assert [of["version"] for of in found["model_version_status"]] == ["1", "2"]


@pytest.mark.parametrize(
    ("version", "status", "state", "code"),
    [("1", 200, "AVAILABLE", "OK"), ("2", 503, "UNAVAILABLE", "UNKNOWN")],
)
async def test_v1_tells_of_the_version_that_is_named_alone(v1, version, status, state, code):
    found_status, found = await told(v1.v1_model({"name": "m", "version": version}))

    assert (found_status, found["ready"]) == (status, status == 200)
    (only,) = found["model_version_status"]
    assert (only["version"], only["state"]) == (version, state)
    assert only["status"]["error_code"] == code


async def test_v1_tells_that_a_model_is_not_ready_though_nothing_is_known_of_it(v1):
    v1._served.rows, v1._served.is_ready = [], False

    found = await told(v1.v1_model({"name": "m"}))

    assert found == (503, {"name": "m", "ready": False, "model_version_status": []})


@pytest.mark.parametrize("params", [{"name": "n"}, {"name": "n", "version": "1"},
                                    {"name": "m", "version": "3"}])  # fmt: skip
async def test_v1_does_not_know_what_is_not_there(v1, params):
    with pytest.raises(ModelNotFound):
        await v1.v1_model(params)
