"""The pod: volumes, devices, resources, rollout, labels."""

from __future__ import annotations

import pytest

from tests.chart import rendering
from tests.chart.rendering import FULLNAME, SELECTOR, only, pod_spec, render, server, server_config

GPU = {"device": "gpu"}


def volume(values: rendering.Values, name: str) -> rendering.Object:
    (found,) = [v for v in pod_spec(values)["volumes"] if v["name"] == name]
    return found


def rolling(values: rendering.Values) -> tuple[int, int]:
    update = only("Deployment", values)["spec"]["strategy"]["rollingUpdate"]
    return update["maxSurge"], update["maxUnavailable"]


def test_the_model_is_mounted_read_only_on_volume_and_mount():
    assert volume({}, "model")["persistentVolumeClaim"] == {"claimName": "models", "readOnly": True}
    (mount,) = [m for m in server({})["volumeMounts"] if m["name"] == "model"]
    assert mount["readOnly"] is True


@pytest.mark.parametrize(
    ("path", "seen"), [("", "/models"), ("text/s", "/models/text/s"), ("/a/", "/models/a")]
)
def test_the_server_is_pointed_at_the_models_folder(path: str, seen: str):
    config = server_config({"model": {"existingClaim": "models", "path": path}})

    assert config["model_path"] == seen
    assert config["name"] == "release"


def test_a_claim_of_the_charts_own_outlives_the_release():
    values = {"model": {"claim": {"create": True, "size": "3Gi"}}}
    claim = only("PersistentVolumeClaim", values)

    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert claim["spec"]["resources"]["requests"]["storage"] == "3Gi"
    assert volume(values, "model")["persistentVolumeClaim"]["claimName"] == f"{FULLNAME}-model"


@pytest.mark.parametrize(
    ("block", "added"),
    [
        ({"nfs": {"server": "nfs.example", "path": "/m"}}, {"readOnly": True}),
        ({"csi": {"driver": "d", "readOnly": False}}, {}),
        ({"hostPath": {"path": "/m"}}, {}),
    ],
)
def test_a_volume_block_is_read_only_where_its_kind_can_say_so(
    block: rendering.Values, added: rendering.Values
):
    ((kind, source),) = block.items()
    found = volume({"model": {"volume": block}}, "model")

    assert found == {"name": "model", kind: {**source, **added}}


def test_the_manifest_is_verified_before_the_server_starts_when_asked():
    values = {"model": {"existingClaim": "models", "path": "m", "verifyManifest": True}}
    (init,) = pod_spec(values)["initContainers"]

    assert init["args"] == ["manifest", "--verify", "/models/m"]
    assert init["image"] == server(values)["image"]
    assert "initContainers" not in pod_spec({})


def test_a_gpu_release_asks_for_whole_devices_in_requests_and_limits():
    values = {**GPU, "gpu": {"resourceName": "nvidia.com/mig-1g.10gb"}}
    resources = server(values)["resources"]

    assert resources["limits"]["nvidia.com/mig-1g.10gb"] == 1
    assert resources["requests"]["nvidia.com/mig-1g.10gb"] == 1
    assert server(values)["image"].endswith("-gpu")
    assert server_config(values)["device"] == "cuda"
    assert server_config({**values, "config": {"device": "cpu"}})["device"] == "cpu"


def test_a_gpu_release_tolerates_the_gpu_taint_and_what_is_added():
    other = {"key": "team", "operator": "Exists"}
    tolerations = pod_spec({**GPU, "tolerations": [other]})["tolerations"]

    assert {"key": "nvidia.com/gpu", "operator": "Exists"} in tolerations
    assert other in tolerations
    assert "tolerations" not in pod_spec({})


@pytest.mark.parametrize(
    ("resource", "taints"),
    [
        ("nvidia.com/gpu", ["nvidia.com/gpu"]),
        ("nvidia.com/mig-1g.10gb", ["nvidia.com/gpu", "nvidia.com/mig-1g.10gb"]),
        ("vgpu.example/slice", ["vgpu.example/gpu", "vgpu.example/slice"]),
    ],
)
def test_the_tolerations_follow_the_resource(resource: str, taints: list[str]):
    values = {**GPU, "gpu": {"resourceName": resource}, "config": {"device": "cuda"}}

    assert pod_spec(values)["tolerations"] == [{"key": t, "operator": "Exists"} for t in taints]
    assert "tolerations" not in pod_spec({**values, "gpu": {"tolerations": []}})


def test_the_node_selector_is_a_value():
    selector = {"accelerator": "nvidia-tesla-v100"}

    assert pod_spec({**GPU, "nodeSelector": selector})["nodeSelector"].items() >= selector.items()


@pytest.mark.parametrize(
    ("values", "surge_and_unavailable"),
    [
        ({}, (1, 0)),
        (GPU, (0, 1)),
        ({**GPU, "gpu": {"spareCount": 1}}, (1, 0)),
        ({"model": {"claim": {"create": True, "accessModes": ["ReadWriteOnce"]}}}, (0, 1)),
    ],
)
def test_a_rollout_asks_for_no_more_than_there_is(
    values: rendering.Values, surge_and_unavailable: tuple[int, int]
):
    assert rolling(values) == surge_and_unavailable


def test_a_strategy_is_obeyed():
    recreate = {"type": "Recreate"}

    assert only("Deployment", {**GPU, "strategy": recreate})["spec"]["strategy"] == recreate


def test_pods_pinned_to_one_node_may_share_a_single_node_volume():
    values = {
        "replicas": 2,
        "nodeSelector": {"kubernetes.io/hostname": "node-1"},
        "model": {"claim": {"create": True, "accessModes": ["ReadWriteOnce"]}},
    }

    assert only("Deployment", values)["spec"]["replicas"] == 2


@pytest.mark.parametrize("side", ["requests", "limits"])
def test_memorys_limit_is_its_request(side: str):
    resources = server({"resources": {side: {"memory": "3Gi"}}})["resources"]

    assert resources["limits"]["memory"] == resources["requests"]["memory"] == "3Gi"


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_without_resources_the_devices_defaults_hold(device: str):
    resources = server({"device": device})["resources"]

    assert resources["requests"]["cpu"]
    assert resources["limits"]["memory"] == resources["requests"]["memory"]


def test_selectors_hold_no_label_that_can_change():
    labelled = {"podLabels": {"a": "b"}, "commonLabels": {"c": "d"}}
    values = {**labelled, "replicas": 2, "autoscaling": {"mode": "hpa"}}

    assert only("Deployment", values)["spec"]["selector"]["matchLabels"] == SELECTOR
    assert only("Service", values)["spec"]["selector"] == SELECTOR
    assert only("PodDisruptionBudget", values)["spec"]["selector"]["matchLabels"] == SELECTOR
    assert only("NetworkPolicy", values)["spec"]["podSelector"]["matchLabels"] == SELECTOR
    labels = only("Deployment", values)["spec"]["template"]["metadata"]["labels"]
    assert labels.items() >= {**SELECTOR, "a": "b", "c": "d"}.items()


def test_the_test_pod_is_not_selected_with_the_servers():
    (pod,) = [entry for entry in render({}) if rendering.is_hook(entry)]

    assert not SELECTOR.items() <= pod["metadata"]["labels"].items()


def test_what_is_said_twice_is_said_once_and_the_users_word_counts():
    values = {
        "podAnnotations": {"prometheus.io/scrape": "false", "own": "yes"},
        "commonLabels": {"team": "a"},
        "podLabels": {"team": "b"},
    }
    metadata = only("Deployment", values)["spec"]["template"]["metadata"]

    assert metadata["annotations"]["prometheus.io/scrape"] == "false"
    assert metadata["annotations"].keys() >= {"own", "checksum/config", "prometheus.io/port"}
    assert metadata["labels"]["team"] == "b"


def test_a_change_of_settings_rolls_the_pods():
    def checksum(values: rendering.Values) -> str:
        template = only("Deployment", values)["spec"]["template"]
        value: str = template["metadata"]["annotations"]["checksum/config"]
        return value

    assert checksum({}) == checksum({"replicas": 2})
    assert checksum({}) != checksum({"config": {"log_level": "debug"}})


def test_the_image_is_named_by_digest_before_tag():
    digest = "sha256:" + "0" * 64
    image = {"repository": "registry.example/longshore", "tag": "9", "digest": digest}

    assert server({"image": image})["image"] == f"registry.example/longshore@{digest}"
    assert server({})["image"] == "longshore:0.1.0-cpu"


def test_tokens_and_certificates_come_from_secrets():
    values = {"auth": {"existingSecret": "t", "key": "k"}, "tls": {"existingSecret": "c"}}
    config = server_config(values)

    assert volume(values, "auth")["secret"]["items"] == [{"key": "k", "path": "tokens"}]
    assert config["auth_token_file"] == "/etc/longshore/auth/tokens"
    assert config["tls_cert_file"] == "/etc/longshore/tls/tls.crt"
    assert only("Service", values)["spec"]["ports"][0]["appProtocol"] == "https"


def test_large_numbers_stay_whole():
    """A template engine that knows floats alone would write 1.34217728e+08."""
    values = {
        "config": {"max_body_bytes": 134217728},
        "podSecurityContext": {"runAsUser": 1000730000},
    }

    assert server_config(values)["max_body_bytes"] == 134217728
    assert pod_spec(values)["securityContext"]["runAsUser"] == 1000730000


def test_a_server_that_ends_leaves_its_last_words_in_the_pods_status():
    assert server({})["terminationMessagePolicy"] == "FallbackToLogsOnError"
