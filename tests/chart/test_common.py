"""What a platform asks of every object: registries, secrets, annotations, nodes."""

from __future__ import annotations

import kubernetes_validate
import pytest

from tests.chart import rendering
from tests.chart.engines import Engine, RefusedError
from tests.chart.rendering import Object, Values


def pods(engine: Engine, values: Values) -> list[Object]:
    """The specs of the server's pods and of the test pod."""
    objects = engine(values, "")
    specs = [o["spec"]["template"]["spec"] for o in objects if o["kind"] == "Deployment"]
    return specs + [o["spec"] for o in objects if o["kind"] == "Pod"]


@pytest.mark.parametrize(
    ("repository", "image"),
    [
        ("longshore", "mirror.example/longshore:1"),
        ("team/longshore", "mirror.example/team/longshore:1"),
        ("registry.example/team/longshore", "mirror.example/team/longshore:1"),
        ("localhost:5000/longshore", "mirror.example/longshore:1"),
    ],
)
def test_a_global_registry_takes_the_place_of_the_images(
    engine: Engine, repository: str, image: str
):
    values = {"global": {"imageRegistry": "mirror.example"},
              "image": {"repository": repository, "tag": "1"},
              "model": {"existingClaim": "m", "verifyManifest": True}}  # fmt: skip
    found = pods(engine, values)

    assert len(found) == 2
    for pod in found:
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            assert container["image"] == image


def test_secrets_of_both_are_there_once(engine: Engine):
    values = {"global": {"imagePullSecrets": ["a", {"name": "b"}]},
              "imagePullSecrets": [{"name": "b"}, "c"]}  # fmt: skip

    for pod in pods(engine, values):
        assert pod["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}, {"name": "c"}]
    assert all("imagePullSecrets" not in pod for pod in pods(engine, {"global": {"team": "a"}}))


def test_every_object_has_the_common_annotations_below_its_own(engine: Engine):
    everything = rendering.ci_values(rendering.CHART / "ci/everything-values.yaml")
    common = {"example.com/owner": "shop", "example.com/internal": "no"}
    values = {**everything, "commonAnnotations": common, "extraObjects": []}
    objects = engine(values, "")

    assert len(objects) > 10
    for entry in objects:
        annotations = entry["metadata"]["annotations"]
        assert annotations["example.com/owner"] in ("shop", "models"), entry["kind"]
        if entry["apiVersion"] in ("v1", "apps/v1"):
            version = kubernetes_validate.latest_version()
            kubernetes_validate.validate(entry, version, strict=True)
    (service,) = [o for o in objects if o["kind"] == "Service" and "-" not in o["metadata"]["name"]]
    assert service["metadata"]["annotations"]["example.com/internal"] == "true"


def test_the_deployment_has_annotations_that_its_pods_have_not(engine: Engine):
    reload = {"reloader.example/auto": "true"}
    (found,) = [
        entry
        for entry in engine({"deploymentAnnotations": reload}, "")
        if entry["kind"] == "Deployment"
    ]

    assert found["metadata"]["annotations"] == reload
    assert "reloader.example/auto" not in found["spec"]["template"]["metadata"]["annotations"]


@pytest.mark.parametrize("block", ["commonAnnotations", "deploymentAnnotations"])
@pytest.mark.parametrize("name", ["helm.sh/hook", "meta.helm.sh/release-name"])
def test_an_annotation_that_helm_reads_is_refused(engine: Engine, block: str, name: str):
    with pytest.raises(RefusedError, match=f"{block}: {name} is read by Helm"):
        engine({block: {name: "x"}}, "")


def test_pods_go_to_nodes_with_linux_unless_told_otherwise(engine: Engine):
    (server, *_) = pods(engine, {"nodeSelector": {"accelerator": "l4"}})
    (other, *_) = pods(engine, {"nodeSelector": {"kubernetes.io/os": "other"}})

    assert server["nodeSelector"] == {"accelerator": "l4", "kubernetes.io/os": "linux"}
    assert other["nodeSelector"] == {"kubernetes.io/os": "other"}
