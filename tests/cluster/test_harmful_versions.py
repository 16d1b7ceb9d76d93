"""Versions on the shared volume that would end, hold up or fill every pod of a release."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.attacks.served_process import IDENTITY
from tests.cluster import chart_values, example_models
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.load_client import assert_none_lost
from tests.cluster.node_agent.api import Json
from tests.cluster.serving import Serving

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

PODS = 3
RATE = 50.0
FAULTS = Path(__file__).parents[1] / "attacks" / "faults" / "sitecustomize.py"
CONFIG = {"trial_timeout_seconds": 20, "candidate_spread_seconds": 3.0}
ZEROS = 2 * 2**30
VOLUME = "/models"
VERSIONS = {
    2: ("load SIGSEGV", "killed by signal 11 (SIGSEGV)"),
    3: ("execute SIGABRT", "killed by signal 6 (SIGABRT)"),
    4: ("execute SIGKILL", "killed by signal 9 (SIGKILL)"),
    5: ("proof hang", "no progress"),
    6: ("load allocate", "of memory"),
}
"""What each does to the process that loads it, and what is said of it."""


def test_no_pod_ends_and_no_request_is_lost_whatever_lies_on_the_volume(
    cluster: Cluster, namespace: str, closing: ExitStack
) -> None:
    serving = Serving(cluster, namespace, "scale")
    claim = serving.create_claim()
    model = claim / example_models.NAME
    example_models.write_version(model, 1)
    (claim / "faults").mkdir()
    (claim / "faults" / "sitecustomize.py").write_bytes(FAULTS.read_bytes())
    variable = {"name": "PYTHONPATH", "value": f"{VOLUME}/faults"}
    serving.release.install(chart_values.serving(replicas=PODS, config=CONFIG, extraEnv=[variable]))
    serving.wait_until_ready(PODS)
    before = {pod["metadata"]["uid"] for pod in serving.pods()}
    load = closing.enter_context(serving.load(RATE))
    time.sleep(2.0)

    for version, (fault, _) in VERSIONS.items():
        _publish(model, version, {"model.identity": IDENTITY, "fault": fault})
    _publish(model, 7, {"model.onnx": ""}, size=ZEROS)
    said = {**{version: reason for version, (_, reason) in VERSIONS.items()}, 7: "of memory"}
    serving.wait_until_every_pod_tells(said)

    assert_none_lost(load.stop())
    assert serving.predicted_version() == 1
    assert {pod["metadata"]["uid"] for pod in serving.ready_pods()} == before
    assert [_restarts(pod) for pod in serving.pods()] == [0] * PODS


def _publish(model: Path, version: int, files: dict[str, str], size: int = 0) -> None:
    draft = model / f".{version}"
    draft.mkdir()
    for name, content in files.items():
        (draft / name).write_text(content)
        if size:
            os.truncate(draft / name, size)
    draft.rename(model / str(version))


def _restarts(pod: Json) -> int:
    return sum(status["restartCount"] for status in pod["status"]["containerStatuses"])
