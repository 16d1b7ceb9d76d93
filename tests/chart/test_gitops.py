"""The example for a GitOps tool, which renders without a cluster, under both majors of Helm."""

from __future__ import annotations

import yaml

from tests.chart import rendering
from tests.chart.engines import Engine

APPLICATION = rendering.CHART / "ci/gitops/application.yaml"


def test_the_application_names_values_with_which_nothing_is_left_to_the_cluster(engine: Engine):
    source = yaml.safe_load(APPLICATION.read_text("utf-8"))["spec"]["source"]
    (file,) = source["helm"]["valueFiles"]
    values = rendering.ci_values(rendering.CHART.parent / source["path"] / file)
    objects = {entry["kind"]: entry for entry in engine(values, "") if not rendering.is_hook(entry)}

    assert "replicas" not in objects["Deployment"]["spec"]  # The autoscaler's.
    assert values["model"]["existingClaimAccessModes"]  # Read from the cluster otherwise.
    assert "ServiceMonitor" in objects  # By the cluster's kinds otherwise.
    pods = objects["Deployment"]["spec"]["template"]["metadata"]
    assert "prometheus.io/scrape" not in pods["annotations"]
