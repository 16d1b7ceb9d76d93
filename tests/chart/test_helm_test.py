"""The pod of `helm test`: where it goes, what it asks for, who lets it in; on both majors."""

from __future__ import annotations

import kubernetes_validate
import pytest

from tests.chart.engines import Engine
from tests.chart.rendering import Object, Values, is_hook

GPU: Values = {
    "device": "gpu",
    "nodeSelector": {"pool": "gpu"},
    "tolerations": [{"key": "team", "operator": "Exists"}],
    "runtimeClassName": "nvidia",
    "affinity": {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "kubernetes.io/arch", "operator": "In",
                                   "values": ["amd64"]}]}]}},
        "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "kubernetes.io/hostname"}]},
    },
    "commonLabels": {"cost-center": "42"},
}  # fmt: skip


def test_pod(engine: Engine, values: Values) -> Object:
    (found,) = [entry for entry in engine(values, "") if is_hook(entry)]
    kubernetes_validate.validate(found, kubernetes_validate.latest_version(), strict=True)
    return found


test_pod.__test__ = False  # type: ignore[attr-defined]


def test_it_goes_where_the_server_goes_and_asks_for_no_device(engine: Engine):
    objects = engine(GPU, "")
    (pod,) = [entry for entry in objects if is_hook(entry)]
    (deployment,) = [entry for entry in objects if entry["kind"] == "Deployment"]
    server = deployment["spec"]["template"]["spec"]
    (container,) = pod["spec"]["containers"]

    assert pod["spec"]["nodeSelector"] == server["nodeSelector"]
    assert pod["spec"]["tolerations"] == server["tolerations"]
    assert {entry["key"] for entry in server["tolerations"]} == {"nvidia.com/gpu", "team"}
    assert pod["spec"]["affinity"] == {"nodeAffinity": server["affinity"]["nodeAffinity"]}
    assert "runtimeClassName" not in pod["spec"]
    assert container["image"] == "longshore:0.1.0-cpu"
    assert {*container["resources"]["limits"]} == {"cpu", "memory"}
    labels, selected = pod["metadata"]["labels"], deployment["spec"]["selector"]["matchLabels"]
    assert labels["cost-center"] == "42"
    assert not selected.items() <= labels.items()


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ({"image": {"tag": "7-gpu"}, "device": "gpu"}, "longshore:7-gpu"),
        ({"test": {"image": "python:3.13"}, "global": {"imageRegistry": "m.example"}},
         "python:3.13"),
        ({"global": {"imageRegistry": "m.example"}, "device": "gpu"},
         "m.example/longshore:0.1.0-cpu"),
    ],
)  # fmt: skip
def test_its_image_may_be_chosen(engine: Engine, values: Values, image: str):
    (container,) = test_pod(engine, values)["spec"]["containers"]

    assert container["image"] == image


def test_it_can_be_left_out(engine: Engine):
    assert [entry for entry in engine({"test": {"enabled": False}}, "") if is_hook(entry)] == []


def test_the_policy_lets_it_in_beside_the_peers(engine: Engine):
    objects = engine({"networkPolicy": {"from": [{"podSelector": {}}]}}, "")
    (pod,) = [entry for entry in objects if is_hook(entry)]
    (policy,) = [entry for entry in objects if entry["kind"] == "NetworkPolicy"]
    peers = policy["spec"]["ingress"][0]["from"]
    selectors = [peer["podSelector"].get("matchLabels", {}).items() for peer in peers]

    assert [s for s in selectors if s and s <= pod["metadata"]["labels"].items()]
