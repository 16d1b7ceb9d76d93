"""What the chart renders for KEDA, the Prometheus operator and a Gateway is what they define.

The API server holds their own definitions against every object, strictly. KEDA itself runs, its
admission webhook too; the Prometheus operator does not. The clocks are those of test_autoscaling.
"""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest
import yaml

from tests.cluster import example_models, rules
from tests.cluster.autoscalers import Autoscaler
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.keda import Keda
from tests.cluster.helm import Helm
from tests.cluster.load_client import Summary
from tests.cluster.node_agent import commands
from tests.cluster.node_agent.api import Json
from tests.cluster.rules import CHART

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

RATE, PODS, THRESHOLD = 30.0, 2, 20
REQUESTS = "longshore_requests_per_second"
WINDOW_SECONDS = 10.0
RENDERED = {
    "keda": ("keda-values.yaml", {"ScaledObject"}),
    "pod monitor": ("everything-values.yaml", {"PodMonitor", "PrometheusRule"}),
    "service monitor": ("everything-values.yaml", {"ServiceMonitor", "PrometheusRule"}),
    "route": ("everything-values.yaml", {"HTTPRoute"}),
}
OPTIONS = {
    "service monitor": (
        *("--set", "metrics.podMonitor.enabled=false"),
        *("--set", "metrics.serviceMonitor.enabled=true"),
    )
}


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


def test_keda_scales_a_release_by_its_own_load_alone(
    cluster: Cluster, keda: Keda, namespace: str, closing: ExitStack
) -> None:
    scaler = Autoscaler(cluster, rules.shortened_chart(cluster.folders.root), keda)
    asked, other = (scaler.serving(namespace, name) for name in ("asked", "other"))
    example_models.write_version(asked.create_claim() / example_models.NAME, 1)
    for serving in (asked, other):
        serving.release.install(scaler.values(requests_per_second=THRESHOLD))
    other.wait_until_ready(1)
    load = closing.enter_context(asked.load(RATE))
    asked.wait_until_ready(PODS)
    time.sleep(WINDOW_SECONDS + 4)
    seen, seen_by_other = (scaler.total(serving, REQUESTS) for serving in (asked, other))
    summary = Summary.of(load.stop())
    print(f"KEDA reads {seen} of {RATE} requests/s, and {seen_by_other} next door; {summary}")
    assert summary.lost == 0, summary
    assert seen == pytest.approx(RATE, rel=0.1)
    assert seen_by_other == 0
    assert len(asked.ready_pods()) == PODS
    assert len(other.ready_pods()) == 1


def test_kedas_webhook_is_asked(cluster: Cluster, keda: Keda, namespace: str) -> None:
    """Without this the renders above could pass beside a webhook that nobody calls."""
    release = Helm(cluster.programs["helm"], cluster.kubeconfig)
    place = ("-n", namespace, "-f", str(CHART / "ci/keda-values.yaml"))
    text = release("template", "scale", str(CHART), *place)
    (rendered,) = [e for e in yaml.safe_load_all(text) if e and e["kind"] == "ScaledObject"]
    rendered["spec"]["triggers"] *= 2
    with pytest.raises(commands.CommandFailed, match="defined multiple times"):
        cluster.kubectl("create", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(rendered))


def _create_strictly(cluster: Cluster, entry: Json) -> None:
    """A field that the definition lacks is refused, not dropped; and so the check can fail.

    Nor does the API server, or an operator's webhook, warn of a field that has no effect.
    """
    create = ("create", "--dry-run=server", "--validate=strict", "--warnings-as-errors", "-f", "-")
    cluster.kubectl(*create, stdin=yaml.safe_dump(entry))
    misspelt = {**entry, "spec": {**entry["spec"], "noSuchField": 1}}
    with pytest.raises(commands.CommandFailed, match="noSuchField"):
        cluster.kubectl(*create, stdin=yaml.safe_dump(misspelt))
