"""The restricted Pod Security Standard, enforced by the API server."""

from __future__ import annotations

import pytest

from longshore.repository.integrity import write_manifest
from tests.cluster import chart_values, example_models
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.serving import CLAIM, Serving

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

LABEL = "pod-security.kubernetes.io/enforce=restricted"


def test_a_restricted_namespace_runs_a_release_that_verifies_its_model(
    cluster: Cluster, namespace: str
) -> None:
    cluster.kubectl("label", "namespace", namespace, LABEL)
    serving = Serving(cluster, namespace, "scale")
    model = serving.create_claim() / example_models.NAME
    example_models.write_version(model, 1)
    manifest = write_manifest(model / "1")
    volume = {"name": example_models.NAME, "path": example_models.NAME, "existingClaim": CLAIM}
    values = chart_values.serving(model={**volume, "verifyManifest": True})

    serving.release.install(values)
    serving.wait_until_ready(1)
    assert serving.predict().status == 200
    assert "Phase:          Succeeded" in serving.release.test()

    manifest.write_text(manifest.read_text("utf-8").replace('"sha256": "', '"sha256": "0'), "utf-8")
    (pod,) = serving.pods()
    cluster.api.delete(f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}")

    def has_refused() -> bool:
        """Whether the verifying container of the next pod has ended with an error."""
        return any(
            state[when].get("terminated", {}).get("exitCode") == 1
            for pod in serving.pods()
            for state in pod["status"].get("initContainerStatuses") or []
            for when in ("state", "lastState")
        )

    cluster.wait_until(has_refused, "the verifying container to refuse the model")
    assert not serving.ready_pods()
