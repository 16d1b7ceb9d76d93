"""Lists in which the chart's entries and the user's meet, under both majors of Helm."""

from __future__ import annotations

from pathlib import Path

import kubernetes_validate
import pytest

from tests.chart import rendering
from tests.chart.engines import Engine, RefusedError
from tests.chart.rendering import Object, Values

SCRATCH = {"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}}


def deployment(engine: Engine, values: Values) -> Object:
    (found,) = [entry for entry in engine(values, "") if entry["kind"] == "Deployment"]
    kubernetes_validate.validate(found, kubernetes_validate.latest_version(), strict=True)
    return found


def pod_and_server(engine: Engine, values: Values) -> tuple[Object, Object]:
    pod = deployment(engine, values)["spec"]["template"]["spec"]
    return pod, pod["containers"][0]


def test_an_environment_variable_takes_the_place_of_ours(engine: Engine):
    home = {"name": "HOME", "value": "/scratch"}
    other = {"name": "OMP_WAIT_POLICY", "value": "PASSIVE"}
    _, server = pod_and_server(engine, {"extraEnv": [other, home]})

    assert [entry for entry in server["env"] if entry["name"] == "HOME"] == [home]
    assert other in server["env"]


@pytest.mark.parametrize("path", ["/tmp", "/tmp/", "/var/cache/longshore"])
def test_a_mount_takes_the_place_of_ours_at_the_same_path(engine: Engine, path: str):
    mount = {"name": "scratch", "mountPath": path}
    values: Values = {"extraVolumes": [SCRATCH], "extraVolumeMounts": [mount]}
    pod, server = pod_and_server(engine, values)
    there = [m for m in server["volumeMounts"] if m["mountPath"].rstrip("/") == path.rstrip("/")]

    assert there == [mount]
    assert SCRATCH in pod["volumes"]


@pytest.mark.parametrize("name", ["tmp", "calibrations"])
def test_a_volume_takes_the_place_of_ours_with_the_same_name(engine: Engine, name: str):
    claim = {"name": name, "persistentVolumeClaim": {"claimName": "fast"}}
    pod, server = pod_and_server(engine, {"extraVolumes": [claim]})

    assert [volume for volume in pod["volumes"] if volume["name"] == name] == [claim]
    assert [mount["name"] for mount in server["volumeMounts"]].count(name) == 1


def test_a_name_of_ours_that_the_release_does_not_use_is_free(engine: Engine):
    volume = {"name": "auth", "emptyDir": {}}
    mount = {"name": "auth", "mountPath": "/etc/longshore/auth"}
    pod, server = pod_and_server(engine, {"extraVolumes": [volume], "extraVolumeMounts": [mount]})

    assert volume in pod["volumes"]
    assert mount in server["volumeMounts"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"extraVolumes": [{"name": "shm", "emptyDir": {}}]}, ["extraVolumes: shm", "shmSize"]),
        ({"extraVolumes": [{"name": "model", "emptyDir": {}}]}, ["model.existingClaim"]),
        ({"extraVolumes": [SCRATCH], "extraVolumeMounts": [{"name": "scratch",
         "mountPath": "/dev/shm"}]}, ["extraVolumeMounts: /dev/shm", "shmSize"]),
        ({"extraVolumes": [SCRATCH], "extraVolumeMounts": [{"name": "scratch",
         "mountPath": "/models/"}]}, ["extraVolumeMounts: /models/", "model.volume"]),
        ({"tls": {"existingSecret": "c"}, "extraVolumes": [{"name": "tls", "emptyDir": {}}]},
         ["extraVolumes: tls", "tls.existingSecret"]),
        ({"extraContainers": [{"name": "server", "image": "proxy:1"}]},
         ["extraContainers: server", "extraArgs"]),
        ({"initContainers": [{"name": "server", "image": "proxy:1"}]}, ["initContainers: server"]),
        ({"model": {"existingClaim": "m", "verifyManifest": True},
         "initContainers": [{"name": "verify-manifest", "image": "i:1"}]},
         ["initContainers: verify-manifest", "model.verifyManifest"]),
        ({"initContainers": [{"name": "a", "image": "i:1"}],
         "extraContainers": [{"name": "a", "image": "i:1"}]},
         ["extraContainers: a is in initContainers too"]),
        ({"extraEnv": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]},
         ["extraEnv: A is there twice"]),
        ({"extraVolumes": [SCRATCH, SCRATCH]}, ["extraVolumes: scratch is there twice"]),
        ({"extraVolumes": [{"emptyDir": {}}]}, ["extraVolumes", "name"]),
        ({"extraVolumeMounts": [{"name": "scratch", "mountPath": "/scratch"}]},
         ["extraVolumeMounts: the pod has no volume scratch", "extraVolumes"]),
        ({"extraContainers": [{"name": "p", "image": "i:1", "volumeMounts": [
         {"name": "scratch", "mountPath": "/s"}]}]}, ["extraContainers: p: the pod has no volume"]),
        ({"extraContainers": [{"name": "p", "image": "i:1", "ports": [{"containerPort": 8000}]}]},
         ["extraContainers: p: its port", "ports.http"]),
    ],
)  # fmt: skip
def test_what_cannot_be_replaced_is_refused_by_name(
    engine: Engine, values: Values, words: list[str]
):
    with pytest.raises(RefusedError) as refused:
        engine(values, "")

    assert all(word in str(refused.value) for word in words), refused.value


@pytest.mark.parametrize("values", rendering.CI_VALUES, ids=lambda path: path.stem)
def test_no_list_of_an_example_has_a_key_twice(values: Path):
    pod = rendering.pod_spec(rendering.ci_values(values))
    containers = [*pod["containers"], *pod.get("initContainers", [])]
    lists = [
        [volume["name"] for volume in pod["volumes"]],
        [container["name"] for container in containers],
        *([mount["mountPath"] for mount in c.get("volumeMounts", [])] for c in containers),
        *([variable["name"] for variable in c.get("env", [])] for c in containers),
    ]

    assert all(len(keys) == len(set(keys)) for keys in lists)
