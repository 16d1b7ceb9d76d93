"""`longshore capacity --release`: one pod of a release measured where it runs, and what follows.

What was measured is installed as it was written, and a step of the load is followed by the real
autoscaler as `longshore replay` said.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from longshore.errors import ModelLoadError
from longshore_k8s.capacity import command as capacity
from longshore_k8s.replay import command as replay
from tests.chart.engines import merged
from tests.cluster import chart_values, example_models
from tests.cluster.agreement import AGREED_SHARE, Counts, agreement
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.helm import CHART
from tests.cluster.load_client import Summary
from tests.cluster.node_agent.api import Json
from tests.cluster.readings import Readings
from tests.cluster.serving import INSTANCE_LABEL, Serving
from tests.cluster.timeline import Timeline

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

LAYERS = 6400
"""Tens of milliseconds a row: what the machine does beside is little against that."""
SLO = "p99=2s"
"""A machine that runs all of a cluster beside is a noisy one."""
UNBATCHED = {"max_batch_size": 0}
GROWTH = "5%"
"""Of the load, a second: all of the step is below one pod's knee, and five fit on this machine."""
LOW_SHARE, HIGH_SHARE = 0.6, 4.6
"""Of a pod's target: 1 pod, and 5."""
WINDOW_FULL_SECONDS, STEP_SECONDS = 75.0, 120.0
"""A rate's window and a scrape; and how long the step is watched."""
BEFORE_SECONDS = 30.0
SYNC_SECONDS = 15.0
LEAST_COMPARED = 6
"""Syncs whose readings are known."""
KINDS = ("deployments", "replicasets", "pods", "jobs", "configmaps", "secrets", "networkpolicies")


@dataclass(frozen=True, slots=True)
class Measuring:
    """The command, for one release."""

    serving: Serving
    folder: Path

    @property
    def cluster(self) -> Cluster:
        return self.serving.cluster

    @property
    def values_file(self) -> Path:
        return self.folder / "capacity.yaml"

    @property
    def record(self) -> Json:
        found: Json = json.loads((self.folder / "capacity.json").read_text(encoding="utf-8"))
        return found

    def options(self, *more: str, kubeconfig: Path | None = None) -> list[str]:
        return [
            "--release", self.serving.name, "-n", self.serving.namespace, "--slo", SLO,
            "--errors", "1%", "--quick", "--noisy", "--starts", "1", "--growth", GROWTH,
            "--helm", self.cluster.programs["helm"], "--chart", str(CHART),
            "--kubeconfig", str(kubeconfig or self.cluster.kubeconfig),
            "--out", str(self.values_file), "--plot", str(self.folder / "knee.png"), *more,
        ]  # fmt: skip

    def __call__(self, *more: str, kubeconfig: Path | None = None) -> str:
        """What it prints; raises what it raises."""
        return called(capacity.COMMAND, *self.options(*more, kubeconfig=kubeconfig))

    def begin(self) -> subprocess.Popen[str]:
        """As a process of its own."""
        command = [sys.executable, "-m", "longshore.cli", "capacity", *self.options()]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def left(self) -> list[str]:
        """Of the throw-away release."""
        labels = f"{INSTANCE_LABEL}={self.serving.name}-capacity"
        text = self.cluster.kubectl(
            "-n", self.serving.namespace, "get", ",".join(KINDS), "-l", labels, "-o", "name"
        )
        return text.splitlines()

    def assert_nothing_is_left(self) -> None:
        """The cluster collects what belonged to the Deployment within moments."""
        self.cluster.wait_until(lambda: not self.left(), "the throw-away release to be gone")


def called(command: capacity.Command, *arguments: str) -> str:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert command.run(parser.parse_args(list(arguments))) == 0
    return out.getvalue()


@contextlib.contextmanager
def cordoned(cluster: Cluster, node: str) -> Iterator[None]:
    """Nothing new goes to the node."""
    cluster.kubectl("cordon", node)
    try:
        yield
    finally:
        cluster.kubectl("uncordon", node)


@pytest.fixture
def serving(cluster: Cluster, namespace: str) -> Serving:
    """A claim with a model that is not installed yet."""
    found = Serving(cluster, namespace, "scale")
    model = found.create_claim() / example_models.NAME
    example_models.write_version(model, 1, layers=LAYERS)
    return found


@pytest.fixture
def values(serving: Serving, tmp_path: Path) -> Path:
    """What it would be installed with, but for what is to be measured."""
    file = tmp_path / "values.yaml"
    shown = chart_values.serving(replicas=None, config=UNBATCHED)
    file.write_text(yaml.safe_dump(shown), encoding="utf-8")
    return file


@pytest.mark.parametrize("has_other_node", [True, False])
def test_a_measurement_of_a_release_that_is_broken_off_leaves_nothing(
    serving: Serving, tmp_path: Path, closing: ExitStack, has_other_node: bool
) -> None:
    serving.release.install(chart_values.serving(config=UNBATCHED))
    serving.wait_until_ready(1)
    measuring = Measuring(serving, tmp_path)
    if not has_other_node:
        closing.enter_context(cordoned(serving.cluster, "node-b"))
    process = measuring.begin()
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if said.count("fit: ") == 2:  # the first has ended
            break
    process.send_signal(signal.SIGINT)
    said += process.communicate(timeout=60)[1]

    assert process.returncode == 130, said
    where = "on node node-" if has_other_node else "on the server's own node node-a, since no other"
    assert f"the client runs {where}" in said
    assert [step["purpose"] for step in measuring.record["every_step"]] == ["fit"], said
    assert not measuring.values_file.exists()
    measuring.assert_nothing_is_left()
    assert len(serving.ready_pods()) == 1


def test_what_keeps_a_release_from_being_measured_is_told_and_leaves_nothing(
    serving: Serving, values: Path, tmp_path: Path
) -> None:
    cluster, measuring = serving.cluster, Measuring(serving, tmp_path)
    given = ("-f", str(values), "--wait", "3")
    stranger = cluster.control_plane.identity("stranger", "stranger")
    with pytest.raises(ModelLoadError, match="without the right to list deployments"):
        measuring(*given, kubeconfig=stranger)

    with pytest.raises(ModelLoadError, match=r"a pod asks for 64 of cpu.*\(LS10\); fix: "):
        measuring(*given, "--cpus", "64")
    measuring.assert_nothing_is_left()

    quotas = f"/api/v1/namespaces/{serving.namespace}/resourcequotas"
    cluster.api.post(
        quotas, {"metadata": {"name": "small"}, "spec": {"hard": {"limits.memory": "100Mi"}}}
    )
    cluster.wait_until(
        lambda: cluster.api.get(f"{quotas}/small").get("status", {}).get("hard"), "the quota"
    )
    with pytest.raises(ModelLoadError, match=r"the quota small leaves .* \(LS03\)"):
        measuring(*given)
    measuring.assert_nothing_is_left()


@pytest.mark.shipped_clocks
@pytest.mark.timeout(1200)
def test_values_as_measured_are_followed_by_the_autoscaler_as_replay_said(
    cluster: Cluster, serving: Serving, values: Path, tmp_path: Path, shipped_clocks: None,
    closing: ExitStack,
) -> None:  # fmt: skip
    measuring = Measuring(serving, tmp_path)
    print(measuring("-f", str(values), "--cpus", "1"))
    record = measuring.record
    assert record["provenance"]["client"].startswith("on node node-")
    measuring.assert_nothing_is_left()

    written = yaml.safe_load(measuring.values_file.read_text(encoding="utf-8"))
    base = yaml.safe_load(values.read_text(encoding="utf-8"))
    serving.release.install(merged(base, written))
    serving.wait_until_ready(1)
    target = float(written["autoscaling"]["metrics"]["requestsPerSecond"])
    low, high = LOW_SHARE * target, HIGH_SHARE * target
    predicted = _predicted([values, measuring.values_file], low, high, tmp_path)
    load = closing.enter_context(serving.load(low))
    watch = closing.enter_context(Timeline(serving, load))
    readings = closing.enter_context(Readings(serving))
    cluster.wait_until(
        lambda: chart_values.reads_metrics(serving),
        "the autoscaler to read its metrics",
        seconds=150,
    )
    time.sleep(max(0.0, WINDOW_FULL_SECONDS - load.elapsed))
    stepped_at = load.elapsed
    load.set_rate(high)
    time.sleep(STEP_SECONDS)
    samples = [sample for sample in watch.stop() if sample.at >= stepped_at - BEFORE_SECONDS]
    summary = Summary.of(load.stop())
    share, shift = agreement(samples, stepped_at, predicted, sync_seconds=SYNC_SECONDS)
    print(
        f"knee {record['knee']:.1f}/s, target {target:g}, {low:.1f} to {high:.1f} requests/s: "
        f"within one pod for {100 * share:.1f} % of the seconds, shifted by {shift:+.0f} s; "
        f"counts {watch.desired_changes()}; {summary}"
    )
    compared = list(readings.compared())
    print(
        "\n".join(
            f"{one.current} pods, {one.valued} with a value, {one.means}: {one.theirs}"
            for one in compared
        )
    )
    assert summary.lost == 0, summary
    assert max(sample.desired for sample in samples) == 5
    assert share >= AGREED_SHARE
    assert len(compared) >= LEAST_COMPARED
    assert [one.ours for one in compared] == [one.theirs for one in compared]


def _predicted(files: list[Path], low: float, high: float, folder: Path) -> Counts:
    """Seconds since the step, and the median count from then on."""
    before, after = 300, 240
    rows = [f"{t},{low if t < before else high}" for t in range(0, before + after, 5)]
    trace = folder / "load.csv"
    trace.write_text("\n".join(["time,requests_per_second", *rows]), encoding="utf-8")
    given = [word for file in files for word in ("--values", str(file))]
    said = json.loads(called(replay.COMMAND, str(trace), *given, "-o", "json"))
    replicas = said["replicas"]
    return [
        (seconds - before, round(count))
        for seconds, count in zip(replicas["seconds"], replicas["p50"], strict=True)
    ]
