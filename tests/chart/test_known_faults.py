"""Faults that users of other charts report, and that no other file here is about."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import helm_python
import pytest

from tests.chart import rendering
from tests.chart.rendering import CHART, kinds, only, pod_spec, render, server

TEMPLATES = sorted((CHART / "templates").rglob("*.*"))


def test_helpers_carry_the_charts_name_since_their_names_are_global():
    texts = [template.read_text("utf-8") for template in TEMPLATES]
    names = [name for text in texts for name in re.findall(r'define "([^"]+)"', text)]

    assert names
    assert [name for name in names if not name.startswith("longshore.")] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_stay_small_enough_to_read(template: Path):
    lines = len(template.read_text("utf-8").splitlines())

    assert lines <= (120 if template.suffix == ".tpl" else 150)


def test_a_release_brings_no_adapter_and_no_definitions_of_its_own():
    everything = rendering.ci_values(CHART / "ci/everything-values.yaml")

    assert rendering.chart().crds == []
    assert rendering.chart().dependencies == []
    assert not kinds(everything) & {"APIService", "ClusterRole", "Role", "RoleBinding"}


def test_no_port_is_hard_coded():
    values = {"ports": {"http": 9000, "management": 9002}, "service": {"port": 80}}
    container = server(values)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    (service,) = only("Service", values)["spec"]["ports"]

    assert ports == {"http": 9000, "management": 9002}
    assert (service["port"], service["targetPort"]) == (80, "http")
    assert not re.search(r"\b800[02]\b", str(render(values)))


def test_no_default_is_an_address_in_somebodys_cluster():
    text = (CHART / "values.yaml").read_text("utf-8")
    settings = re.sub(r"#.*", "", text)

    assert not re.search(r"https?://|\.svc\b", settings)


def test_a_service_of_the_same_name_puts_nothing_into_the_environment():
    """Kubernetes would set LONGSHORE_PORT=tcp://... for a Service called longshore."""
    assert pod_spec({})["enableServiceLinks"] is False


def test_no_pod_waits_for_a_device_that_nobody_asked_for():
    assert not [name for name in server({})["resources"]["limits"] if "/" in name]
    assert pod_spec({})["nodeSelector"] == {"kubernetes.io/os": "linux"}


def test_threads_are_bounded_by_a_cpu_limit_on_every_device():
    """Without one, a server sizes its pools by the node."""
    for device in ("cpu", "gpu"):
        assert server({"device": device})["resources"]["limits"]["cpu"]


def test_connections_age_unless_told_otherwise():
    """New pods get load from clients that keep their connections."""
    assert "connection_max_age_seconds" not in rendering.server_config({})


def test_the_autoscaler_never_reads_a_devices_utilization():
    metrics = {"requestsPerSecond": 1, "concurrency": 1, "latencyP95": 1, "cpu": 1, "memory": 1}
    spec = only(
        "HorizontalPodAutoscaler",
        {"device": "gpu", "autoscaling": {"mode": "hpa", "metrics": metrics}},
    )["spec"]

    assert "gpu" not in str(spec["metrics"]).lower()


@pytest.mark.parametrize(
    ("values", "path", "number"),
    [
        ({"revisionHistoryLimit": 0}, ["revisionHistoryLimit"], 0),
        ({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}},
         ["strategy", "rollingUpdate", "maxSurge"], 0),
        ({"podSecurityContext": {"fsGroup": 0}},
         ["template", "spec", "securityContext", "fsGroup"], 0),
    ],
)  # fmt: skip
def test_zero_is_not_unset(values: rendering.Values, path: list[str], number: int):
    found = only("Deployment", values)["spec"]
    for key in path:
        found = found[key]

    assert found == number


def test_it_can_be_a_part_of_another_chart(tmp_path: Path):
    shutil.copytree(CHART, tmp_path / "charts/longshore")
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 0.1.0\n")
    parent = helm_python.Chart.load(tmp_path)
    own = {"image": {"repository": "longshore"}, "model": {"existingClaim": "models"}}
    printed = parent.render({"global": {"team": "shop"}, "longshore": own}, name="release")

    assert "kind: Deployment" in printed["shop/charts/longshore/templates/deployment.yaml"]
