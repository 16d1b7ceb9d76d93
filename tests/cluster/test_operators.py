"""What the chart renders for KEDA and for the Prometheus operator is what they define.

Neither runs here. The API server holds their own definitions against every object, strictly, and
KEDA's query is asked of the real Prometheus, its window shortened as in test_autoscaling.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import yaml

from tests.cluster import chart_values, example_models, rules
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.places import PROMETHEUS_URL
from tests.cluster.helm import CHART, Helm
from tests.cluster.load_client import Summary
from tests.cluster.node_agent import commands
from tests.cluster.node_agent.api import Json
from tests.cluster.serving import Serving
from tests.cluster.tools import custom_kinds
from tests.cluster.tools.custom_kinds import CustomKind

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

RATE, PODS, THRESHOLD = 30.0, 2, 20
WINDOW_SECONDS = 10.0
RENDERED = {
    "keda": ("keda-values.yaml", {"ScaledObject"}),
    "pod monitor": ("everything-values.yaml", {"PodMonitor", "PrometheusRule"}),
    "service monitor": ("everything-values.yaml", {"ServiceMonitor", "PrometheusRule"}),
}
OPTIONS = {
    "service monitor": (
        *("--set", "metrics.podMonitor.enabled=false"),
        *("--set", "metrics.serviceMonitor.enabled=true"),
    )
}


def _defined(cluster: Cluster, kinds: tuple[CustomKind, ...]) -> Iterator[None]:
    for kind in kinds:
        if not kind.cached.exists():
            pytest.skip(f"Run `make cluster-tools` for the definition of {kind.name}.")
        cluster.kubectl("create", "-f", str(kind.cached))
    for kind in kinds:
        cluster.kubectl("wait", "--for=condition=Established", f"crd/{kind.name}", "--timeout=30s")
    yield
    for kind in kinds:
        cluster.kubectl("delete", "crd", kind.name)


@pytest.fixture
def keda_kinds(cluster: Cluster) -> Iterator[None]:
    """Gone afterwards: the chart looks at the kinds that a cluster has."""
    yield from _defined(cluster, (custom_kinds.SCALED_OBJECT,))


@pytest.fixture
def every_kind(cluster: Cluster) -> Iterator[None]:
    yield from _defined(cluster, custom_kinds.EVERY)


@pytest.mark.usefixtures("every_kind")
@pytest.mark.parametrize("case", RENDERED)
def test_the_operators_own_definitions_accept_every_field(
    cluster: Cluster, namespace: str, case: str
) -> None:
    file, kinds = RENDERED[case]
    helm = Helm(cluster.programs["helm"], cluster.kubeconfig)
    place = ("-n", namespace, "-f", str(CHART / "ci" / file))
    text = helm("template", "scale", str(CHART), *place, *OPTIONS.get(case, ()))
    objects = [entry for entry in yaml.safe_load_all(text) if entry and entry["kind"] in kinds]
    assert {entry["kind"] for entry in objects} == kinds
    for entry in objects:
        _create_strictly(cluster, entry)


@pytest.mark.usefixtures("keda_kinds")
def test_kedas_query_gives_the_releases_own_load(
    cluster: Cluster, namespace: str, closing: ExitStack
) -> None:
    asked, other = (Serving(cluster, namespace, name) for name in ("asked", "other"))
    example_models.write_version(asked.create_claim() / example_models.NAME, 1)
    for serving in (asked, other):
        serving.release.install(_keda_values())
    # KEDA's own autoscaler would do this: the chart leaves the count of pods to it.
    deployment = asked.deployment()["metadata"]["name"]
    cluster.kubectl("scale", "deployment", deployment, "-n", namespace, f"--replicas={PODS}")
    asked.wait_until_ready(PODS)
    other.wait_until_ready(1)
    load = closing.enter_context(asked.load(RATE))
    time.sleep(WINDOW_SECONDS + 4)
    (trigger,) = _scaled_object(asked)["spec"]["triggers"]
    seen = cluster.metrics.value(rules.shortened(trigger["metadata"]["query"]))
    (quiet,) = _scaled_object(other)["spec"]["triggers"]
    seen_by_other = cluster.metrics.value(rules.shortened(quiet["metadata"]["query"]))
    summary = Summary.of(load.stop())
    print(f"KEDA reads {seen} of {RATE} requests/s, and {seen_by_other} next door; {summary}")
    assert summary.lost == 0, summary
    assert seen == pytest.approx(RATE, rel=0.1)
    assert seen_by_other == 0
    assert trigger["metadata"]["threshold"] == str(THRESHOLD)
    assert trigger["metadata"]["serverAddress"] == PROMETHEUS_URL


def _keda_values() -> Json:
    scaling = {
        "mode": "keda",
        "metrics": {"requestsPerSecond": THRESHOLD, "utilization": None},
        "keda": {"serverAddress": PROMETHEUS_URL},
    }
    return chart_values.serving(replicas=None, autoscaling=scaling)


def _scaled_object(serving: Serving) -> Json:
    path = f"/apis/keda.sh/v1alpha1/namespaces/{serving.namespace}/scaledobjects"
    (found,) = [
        entry
        for entry in serving.cluster.list(path)
        if entry["spec"]["scaleTargetRef"]["name"] == serving.deployment()["metadata"]["name"]
    ]
    return found


def _create_strictly(cluster: Cluster, entry: Json) -> None:
    """A field that the definition lacks is refused, not dropped; and so the check can fail."""
    create = ("create", "--dry-run=server", "--validate=strict", "-f", "-")
    cluster.kubectl(*create, stdin=yaml.safe_dump(entry))
    misspelt = {**entry, "spec": {**entry["spec"], "noSuchField": 1}}
    with pytest.raises(commands.CommandFailed, match="noSuchField"):
        cluster.kubectl(*create, stdin=yaml.safe_dump(misspelt))
