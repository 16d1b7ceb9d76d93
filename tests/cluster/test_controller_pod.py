"""The controller in a pod of its own, by its own chart, and the three commands of that chart's
README: a canary that is taken back by itself.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from longshore.cli import main
from tests.cluster import chart_values, example_models, image
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.load_client import LoadClient, assert_none_lost
from tests.cluster.models import DEPLOYMENT, Models, installed_by_chart
from tests.cluster.node_agent.api import Json
from tests.cluster.rollouts import (
    IDENTITY,
    MARKED,
    ROLLOUT_SECONDS,
    VALIDATION,
    assert_taken_back_in_time,
    load_of,
    publish_identity,
    wait_until_ended,
    wait_until_it_answers,
)
from tests.cluster.serving import Serving
from tests.contracts.documented_commands import ROOT, where
from tests.guides.document import commands

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(500)]

README = "chart/controller/README.md"
OWN = os.path.relpath(__file__, ROOT)
NAME = "sentiment"
STABLE, BAD, GOOD = 3, 4, 5
ROLLOUT: Json = {
    "steps": [30],
    "bakeSeconds": 3,
    "toleratedBadRatio": 0.005,
    "deadlineSeconds": 240,
}
RATE, BAD_SHARE = 100.0, 0.02


@pytest.fixture
def models(cluster: Cluster, namespace: str) -> Iterator[Models]:
    """A controller in a pod, with the rights that its chart gives it."""
    chosen = image.of_controller()
    options = [word for key, value in chosen.items() for word in ("--set", f"image.{key}={value}")]
    with installed_by_chart(cluster, namespace, *options):
        deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/{DEPLOYMENT}"
        cluster.wait_until(
            lambda: cluster.api.get(deployment)["status"].get("readyReplicas") == 1,
            "the controller's pod",
            seconds=120,
        )
        yield Models(cluster, namespace)


def test_the_three_commands_of_the_readme_and_a_promotion_under_the_charts_own_controller(
    models: Models, closing: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, place = models.cluster, ("-n", models.namespace)
    serving = Serving(cluster, models.namespace, NAME)
    claim = serving.create_claim()
    publish_identity(claim, STABLE)
    # The nodes here give no claim to the group of its pods.
    (claim / example_models.NAME).chmod(0o777)
    values = chart_values.serving(replicas=2)
    models.apply(values, NAME, version=STABLE, rollout=ROLLOUT, validation=VALIDATION)
    assert wait_until_ended(models, STABLE, NAME)["outcome"] == "Promoted"
    wait_until_it_answers(serving)
    loads = [closing.enter_context(load) for load in mixed(serving)]

    push, patch, watch = own()
    folder = tmp_path / NAME / str(BAD)
    folder.mkdir(parents=True)
    (folder / "model.identity").write_text(f"{IDENTITY}break_when: {MARKED}\n")
    monkeypatch.chdir(tmp_path)
    assert main([*push[1:], *place, "--kubeconfig", str(cluster.kubeconfig)]) == 0
    cluster.kubectl(*patch[1:], *place)
    with followed(cluster, [*watch[1:], *place], tmp_path / "watched") as watched:
        cluster.wait_until(
            lambda: "Rejected" in watched.read_text(), "the end of it", seconds=ROLLOUT_SECONDS
        )
    lines = watched.read_text()
    assert re.search(rf"^{NAME} +True +{STABLE} +{BAD} +33.3 ", lines, re.MULTILINE), lines
    assert re.search(rf"^{NAME} +True +{STABLE} .*Rejected", lines, re.MULTILINE), lines
    assert models.get(NAME)["status"]["rejected"]["reason"] == "ErrorsAboveStable"
    assert_taken_back_in_time(models, BAD_SHARE, RATE, NAME)

    cluster.wait_until(lambda: len(server_pods(models, serving)) == 2, "the pods of stable alone")
    moments = [load.elapsed for load in loads]
    publish_identity(claim, GOOD)
    cluster.kubectl(*patch[1:-1], patch[-1].replace(str(BAD), str(GOOD)), *place)
    assert wait_until_ended(models, GOOD, NAME)["outcome"] == "Promoted"
    assert models.get(NAME)["status"]["servedVersion"] == GOOD
    for load, moment in zip(loads, moments, strict=True):
        assert_none_lost([one for one in load.stop() if one.at > moment])


def own() -> list[list[str]]:
    """The words of each command that the table of documented commands leaves to this test."""
    found = commands(ROOT / README)
    kept = [one for one in found if (row := where(README, one)) is not None and row.test == OWN]
    return [command.words for command in kept]


def mixed(serving: Serving) -> list[LoadClient]:
    """Requests of which a few are such that the bad version fails."""
    rates = {1.0: RATE * (1.0 - BAD_SHARE), MARKED: RATE * BAD_SHARE}
    return [load_of(serving, value, rate, fresh_share=1.0) for value, rate in rates.items()]


@contextmanager
def followed(cluster: Cluster, words: list[str], file: Path) -> Iterator[Path]:
    """What a kubectl prints that does not end by itself."""
    program = [cluster.programs["kubectl"], "--kubeconfig", str(cluster.kubeconfig)]
    with file.open("wb") as output, subprocess.Popen([*program, *words], stdout=output) as process:
        try:
            yield file
        finally:
            process.kill()


def server_pods(models: Models, serving: Serving) -> list[Json]:
    """Those that end too, which answer on the connections that they have."""
    path = f"/api/v1/namespaces/{models.namespace}/pods"
    return models.cluster.list(path, labelSelector=serving.selector)
