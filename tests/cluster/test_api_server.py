"""What the API server itself says of the chart's objects, and what the chart asks it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.chart import rendering
from tests.cluster import chart_values
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.node_agent.commands import CommandFailed
from tests.cluster.serving import CLAIM, Serving

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]

FOREIGN = {"keda.sh", "gateway.networking.k8s.io", "monitoring.coreos.com"}


@pytest.mark.parametrize("values", rendering.CI_VALUES, ids=lambda path: path.stem)
def test_every_object_of_an_example_is_admitted(
    cluster: Cluster, namespace: str, values: Path
) -> None:
    objects = rendering.render(rendering.ci_values(values))
    known = [entry for entry in objects if entry["apiVersion"].split("/")[0] not in FOREIGN]
    for entry in known:
        entry["metadata"]["namespace"] = namespace
    servers = [entry for entry in known if entry["kind"] != "Pod"]
    dry = ("apply", "--server-side", "--validate=strict", "--dry-run=server", "-f", "-")
    # As JSON, which quotes every text: PyYAML leaves 1e5 bare, and Kubernetes reads a number.
    said = cluster.kubectl(*dry, stdin="\n---\n".join(json.dumps(entry) for entry in servers))

    assert said.count("serverside-applied") == len(servers)


def test_a_claim_that_one_node_can_mount_is_found_out_before_the_second_replica_hangs(
    cluster: Cluster, namespace: str
) -> None:
    serving = Serving(cluster, namespace, "scale")
    asked = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    cluster.api.post(claims, {"metadata": {"name": CLAIM}, "spec": asked})

    with pytest.raises(CommandFailed, match=r"one node at a time .*ReadWriteOnce.* 2 replicas"):
        serving.release.install(chart_values.serving(replicas=2))
