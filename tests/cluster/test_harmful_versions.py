"""Versions on the shared volume that would end, hold up or fill every pod of a release."""

from __future__ import annotations

import time
from contextlib import ExitStack
from threading import Thread

import pytest

from tests.attacks import bad_versions
from tests.attacks.candidate_rows import BESIDE, FAULTS
from tests.cluster import chart_values, example_models
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.load_client import assert_none_lost
from tests.cluster.node_agent.api import Json
from tests.cluster.serving import Serving

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(500)]

PODS = 3
RATE = 50.0
CONFIG = {"trial_timeout_seconds": 20, "candidate_spread_seconds": 3.0}
VOLUME = "/models"
SECONDS_EACH = 15.0
"""Three pods try it on cores that they share; one that hangs is given a tenth of the timeout."""
GROWING = 2
"""The version that `bad_versions.grow` writes in place."""
ROWS = {name: row for name, row in BESIDE.items() if row.make and row.said}
SAID = {name: row.said for name, row in ROWS.items()} | {"zeros": "of memory"}
"""A pod here has no room for two gibibytes, and says that before it reads any of them."""
FEW = ("zeros", "random", "load SIGSEGV", "proof hang")


@pytest.mark.parametrize(
    "names", [pytest.param(FEW, id="few"), pytest.param(ROWS, id="all", marks=pytest.mark.slow)]
)
def test_no_pod_ends_and_no_request_is_lost_whatever_lies_on_the_volume(
    cluster: Cluster, namespace: str, closing: ExitStack, names: tuple[str, ...]
) -> None:
    serving = Serving(cluster, namespace, "scale")
    claim = serving.create_claim()
    model = claim / example_models.NAME
    example_models.write_version(model, 1)
    versions = dict(enumerate(names, GROWING + 1))
    for version, name in versions.items():
        make = ROWS[name].make
        assert make is not None
        make(model)
        (model / ".2").rename(model / f".{version}")
    (claim / "faults").mkdir()
    sitecustomize = (FAULTS / "sitecustomize.py").read_bytes()
    (claim / "faults" / "sitecustomize.py").write_bytes(sitecustomize)
    variable = {"name": "PYTHONPATH", "value": f"{VOLUME}/faults"}
    serving.release.install(chart_values.serving(replicas=PODS, config=CONFIG, extraEnv=[variable]))
    serving.wait_until_ready(PODS)
    before = {pod["metadata"]["uid"] for pod in serving.pods()}
    load = closing.enter_context(serving.load(RATE))
    time.sleep(2.0)

    copying = Thread(target=bad_versions.grow, args=(model,))
    copying.start()
    closing.callback(copying.join)
    for version in versions:
        (model / f".{version}").rename(model / str(version))
    said = {version: SAID[name] for version, name in versions.items()}
    seconds = bad_versions.GROWS_SECONDS + SECONDS_EACH * len(said)
    serving.wait_until_every_pod_tells({**said, GROWING: "model.onnx"}, seconds=seconds)

    assert_none_lost(load.stop())
    assert serving.predicted_version() == 1
    assert {pod["metadata"]["uid"] for pod in serving.ready_pods()} == before
    assert [_restarts(pod) for pod in serving.pods()] == [0] * PODS


def _restarts(pod: Json) -> int:
    return sum(status["restartCount"] for status in pod["status"]["containerStatuses"])
