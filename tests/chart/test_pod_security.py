"""The restricted Pod Security Standard, rule by rule.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chart import rendering
from tests.chart.rendering import Object

VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
    "projected", "secret",
}  # fmt: skip
HOST = ("hostNetwork", "hostPID", "hostIPC")


def pods(objects: list[Object]) -> list[Object]:
    """The spec of every pod that a release makes, its test included."""
    specs = [entry["spec"] for entry in objects if entry["kind"] == "Pod"]
    return specs + [e["spec"]["template"]["spec"] for e in objects if e["kind"] == "Deployment"]


def findings(pod: Object) -> Iterator[str]:
    context = pod.get("securityContext") or {}
    yield from (key for key in HOST if pod.get(key))
    for volume in pod.get("volumes") or []:
        yield from (f"volume {kind}" for kind in set(volume) - {"name"} - VOLUMES)
    for container in [*pod["containers"], *(pod.get("initContainers") or [])]:
        for finding in _container_findings(container, context):
            yield f"{container['name']}: {finding}"


def _container_findings(container: Object, pod: Object) -> Iterator[str]:
    own = container.get("securityContext") or {}
    effective = {**pod, **own}
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    if effective.get("runAsNonRoot") is not True or effective.get("runAsUser") == 0:
        yield "may run as root"
    if (effective.get("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "no seccomp profile"
    capabilities = own.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or []):
        yield "keeps capabilities"
    if set(capabilities.get("add") or []) - {"NET_BIND_SERVICE"}:
        yield "adds capabilities"
    if own.get("procMount", "Default") != "Default":
        yield "procMount"
    if any(port.get("hostPort") for port in container.get("ports") or []):
        yield "hostPort"


@pytest.mark.parametrize("values", rendering.CI_VALUES, ids=lambda path: path.stem)
def test_every_pod_meets_the_restricted_standard(values: Path):
    specs = pods(rendering.render(rendering.ci_values(values)))

    assert len(specs) == 2
    assert [finding for pod in specs for finding in findings(pod)] == []


@pytest.mark.parametrize(
    ("values", "finding"),
    [
        ({"podSecurityContext": {"runAsNonRoot": None}}, "server: may run as root"),
        ({"podSecurityContext": {"seccompProfile": None}}, "server: no seccomp profile"),
        ({"securityContext": {"capabilities": {"drop": []}}}, "server: keeps capabilities"),
        ({"securityContext": {"allowPrivilegeEscalation": True}}, "server: may gain privileges"),
        ({"extraVolumes": [{"name": "h", "hostPath": {"path": "/"}}]}, "volume hostPath"),
    ],
)
def test_the_rules_see_what_they_are_for(values: rendering.Values, finding: str):
    assert finding in list(findings(rendering.pod_spec(values)))
