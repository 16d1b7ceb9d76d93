"""`longshore controller` on the real API server: what it writes, and what it leaves alone."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.chart import rendering
from tests.cluster import chart_values, example_models
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.helm import CHART
from tests.cluster.models import Models, metric
from tests.cluster.node_agent.api import Json
from tests.cluster.node_agent.commands import CommandFailed
from tests.cluster.serving import Serving
from tests.contracts.crd import NOT_IN_A_RESOURCE

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

IMAGE: Json = {"repository": "registry.example/longshore"}
LEFT_OPEN: Json = {"image": IMAGE, "model": {"existingClaim": "models"}}
NO_POD: Json = {**LEFT_OPEN, "replicas": 0}
CLAIMED: Json = {**NO_POD, "model": {"claim": {"create": True, "size": "1Gi"}}}
NAME = "text-longshore"
LIFE_SECONDS = 90
"""Of a controller that is to be killed: on a busy machine its start alone takes many seconds."""


def test_a_model_serves_and_a_changed_value_rolls_out_as_kubectl_and_kstatus_wait_for(
    models: Models,
) -> None:
    serving = Serving(models.cluster, models.namespace, "scale")
    claim = serving.create_claim()
    example_models.write_version(claim / example_models.NAME, 1)
    models.apply(chart_values.serving(replicas=2), "scale")
    wait_as_kubectl_does(models, "Ready")
    wait_as_kubectl_does(models, "Reconciling=False")
    assert len(serving.ready_pods()) == 2
    status = models.get("scale")["status"]
    assert status["url"] == f"http://scale-longshore.{models.namespace}.svc:8000"
    assert (status["reason"], status["replicas"]) == ("Serving", 2)

    before = {pod["metadata"]["uid"] for pod in serving.pods()}
    models.apply(chart_values.serving(replicas=2, config={"log_level": "warning"}), "scale")
    models.wait_for("Progressing", "RollingOut", "scale")
    assert models.condition("Ready", "scale")["status"] == "True"
    models.wait_for("Progressing", "RolledOut", "scale", seconds=180)
    assert before.isdisjoint(pod["metadata"]["uid"] for pod in serving.ready_pods())


@pytest.mark.usefixtures("every_kind", "definition")
def test_a_second_reconciliation_changes_no_resource_version_of_any_example(
    cluster: Cluster, namespace: str
) -> None:
    models = Models(cluster, namespace)
    for file in rendering.CI_VALUES:
        models.apply(example(file), file.stem.removesuffix("-values"))
    names = [file.stem.removesuffix("-values") for file in rendering.CI_VALUES]
    with contextlib.ExitStack() as stack:
        stack.callback(models.kill)
        stack.callback(cluster.kubectl, "delete", "lsm", "--all", "-n", namespace, "--wait=false")
        models.start()
        models.wait_until_applied(*names)
        assert {"HTTPRoute", "PodMonitor", "ScaledObject"} <= {kind for kind, _ in models.objects()}
        changed: set[object] = set()

        def is_the_same() -> bool:
            """Statuses change too, until all controllers have seen the objects."""
            before = models.versions()
            models.kill()
            models.start()
            cluster.wait_until(lambda: _turns() >= len(names), "a turn for each resource")
            changed.clear()
            changed.update(dict(models.versions().items() - before.items()))
            return not changed and metric("longshore_controller_writes_total", verb="Apply") == 0

        try:
            cluster.wait_until(is_the_same, "a reconciliation without a write", seconds=60)
        finally:
            print(f"changed by the last reconciliation: {changed}")


def test_what_others_change_is_restored_with_an_event(models: Models) -> None:
    models.apply(NO_POD)
    models.wait_until_applied("text")
    kubectl, place = models.cluster.kubectl, ("-n", models.namespace)
    before = models.objects()
    kubectl("patch", "configmap", NAME, *place, "-p", '{"data": {"longshore.yaml": "x"}}')
    kubectl("label", "service", NAME, *place, "longshore.dev/model-")
    kubectl("patch", "deployment", NAME, *place, "-p", '{"spec": {"revisionHistoryLimit": 1}}')
    kubectl("delete", "networkpolicy", NAME, *place)

    def is_restored() -> bool:
        now = models.objects()
        return now.keys() == before.keys() and all(
            _meant(now[key]) == _meant(before[key]) for key in now
        )

    models.cluster.wait_until(is_restored, "everything to be restored", seconds=30)
    assert models.wait_for_event("DriftRestored")


def test_a_strangers_object_is_left_alone_and_what_was_in_the_way_may_go(models: Models) -> None:
    service = {"metadata": {"name": NAME}, "spec": {"ports": [{"port": 1}], "selector": {"a": "b"}}}
    services = f"/api/v1/namespaces/{models.namespace}/services"
    stranger = models.cluster.api.post(services, service)
    models.apply(NO_POD)
    stalled = models.wait_for("Stalled", "NotOurs")

    assert f"Service {NAME}" in stalled["message"]
    assert [*models.objects()] == [("Service", NAME)]
    assert models.cluster.api.get(f"{services}/{NAME}") == stranger
    assert [event["type"] for event in models.wait_for_event("NotOurs")] == ["Warning"]
    models.cluster.api.delete(f"{services}/{NAME}")
    models.apply({**NO_POD, "revisionHistoryLimit": 2})
    models.wait_until_applied("text")
    assert ("Deployment", NAME) in models.objects()


def test_what_the_chart_refuses_is_said_in_its_own_words_and_nothing_is_changed(
    models: Models,
) -> None:
    models.apply(NO_POD)
    models.wait_until_applied("text")
    before = models.objects()
    models.apply({**NO_POD, "autoscaling": {"mode": "keda"}})
    stalled = models.wait_for("Stalled", "ValuesRefused")

    assert stalled["message"].startswith(
        "autoscaling: mode keda needs autoscaling.keda.serverAddress"
    )
    assert models.objects() == before


def test_what_the_api_server_refuses_is_said_in_its_own_words(models: Models) -> None:
    models.apply(CLAIMED)
    models.wait_until_applied("text")
    models.apply(
        {
            **CLAIMED,
            "model": {"claim": {"create": True, "size": "1Gi", "accessModes": ["ReadWriteOnce"]}},
        }
    )
    stalled = models.wait_for("Stalled", "ApplyRefused")

    assert "PersistentVolumeClaim text-longshore-model" in stalled["message"]
    assert "immutable" in stalled["message"]


def test_objects_of_other_namespaces_and_of_missing_kinds_are_not_written(models: Models) -> None:
    dashboard = {"metrics": {"dashboard": {"enabled": True, "namespace": "default"}}}
    models.apply({**NO_POD, **dashboard}, "astray")
    route = {"httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}]}}
    models.apply({**NO_POD, **route}, "routed")

    assert "its own alone" in models.wait_for("Stalled", "Forbidden", "astray")["message"]
    missing = models.wait_for("Degraded", "KindMissing", "routed")
    assert "HTTPRoute of gateway.networking.k8s.io/v1" in missing["message"]
    assert {name for _, name in models.objects()} == {"routed-longshore"}


def test_the_count_is_handed_over_to_the_autoscaler_and_kept(models: Models) -> None:
    models.apply({**NO_POD, "replicas": 3})
    models.wait_until_applied("text")
    counts: set[int] = set()
    models.apply({**LEFT_OPEN, "autoscaling": {"mode": "hpa", "maxReplicas": 4}})
    models.wait_until_applied("text")
    until = time.monotonic() + 3
    while time.monotonic() < until:
        counts.add(models.objects()["Deployment", NAME]["spec"]["replicas"])
    models.cluster.kubectl("scale", f"deployment/{NAME}", "--replicas=2", "-n", models.namespace)
    models.cluster.wait_until(
        lambda: models.condition("Progressing").get("message", "").startswith("0 of 2"), "2 pods"
    )

    assert counts == {3}
    assert models.objects()["Deployment", NAME]["spec"]["replicas"] == 2
    assert models.events("DriftRestored") == []


def test_a_deleted_resource_takes_all_along_but_the_claim_which_the_next_one_takes_up(
    models: Models,
) -> None:
    models.apply(CLAIMED)
    models.wait_until_applied("text")
    models.kill()
    models.cluster.kubectl("delete", "lsm", "text", "-n", models.namespace)
    claim = "PersistentVolumeClaim", "text-longshore-model"
    models.cluster.wait_until(lambda: [*models.objects()] == [claim], "all but the claim to go")
    uid = models.objects()[claim]["metadata"]["uid"]
    models.start()
    models.apply(CLAIMED)
    models.wait_until_applied("text")

    assert models.objects()[claim]["metadata"]["uid"] == uid


def test_what_is_no_longer_rendered_is_deleted(models: Models) -> None:
    models.apply({**NO_POD, "replicas": 2})
    models.wait_until_applied("text")
    assert ("PodDisruptionBudget", NAME) in models.objects()
    models.apply({**NO_POD, "networkPolicy": {"enabled": False}})
    models.cluster.wait_until(
        lambda: {"PodDisruptionBudget", "NetworkPolicy"}.isdisjoint(k for k, _ in models.objects()),
        "budget and policy to go",
    )
    assert ("Deployment", NAME) in models.objects()


@pytest.mark.slow
def test_another_chart_gives_one_model_its_pods_and_then_the_next(
    models: Models, tmp_path: Path
) -> None:
    names = ("first", "second")
    for name in names:
        models.apply(LEFT_OPEN, name)  # of an image that no node has
    models.wait_until_applied(*names)
    models.kill()
    models.chart = shutil.copytree(CHART, tmp_path / "chart")
    values = models.chart / "values.yaml"
    text = values.read_text(encoding="utf-8")
    values.write_text(text.replace("\npreStopSeconds: 2\n", "\npreStopSeconds: 3\n"))
    models.start()

    def upgraded() -> set[str]:
        return {name for name in names if "seconds: 3" in pods_of(models, name)}

    models.cluster.wait_until(upgraded, "the first model's pods")
    (first,) = upgraded()
    (held,) = {*names} - {first}
    assert "newest chart" in models.wait_for("Reconciling", "AwaitingUpgrade", held)["message"]
    models.apply(NO_POD, first)
    models.cluster.wait_until(lambda: upgraded() == {*names}, "the other's pods", seconds=150)


def pods_of(models: Models, name: str) -> str:
    """The template of its Deployment."""
    template = models.objects()["Deployment", f"{name}-longshore"]["spec"]["template"]
    return json.dumps(template).replace('"', "")


def test_a_model_whose_status_makes_no_sense_keeps_no_other_waiting(models: Models) -> None:
    models.apply(NO_POD)
    models.wait_until_applied("text")
    # As another version of the controller may leave it.
    status = json.dumps({"status": {"rollout": {"stage": "Unheard"}}})
    patch = ("patch", "lsm", "text", "--subresource=status", "--type=merge", "-p", status)
    models.cluster.kubectl(*patch, "-n", models.namespace)
    (told, *_) = models.wait_for_event("ControllerFault")
    assert "Unheard" in told["message"]
    models.apply(NO_POD, "other")
    models.wait_until_applied("other")

    assert models.running[-1].process.poll() is None


@pytest.mark.slow
def test_a_controller_killed_between_any_two_writes_ends_in_the_same_state(models: Models) -> None:
    claim = {**CLAIMED["model"], "name": "text"}
    everything = {
        **CLAIMED,
        "model": claim,
        "ingress": {"enabled": True, "hosts": ["models.example.com"]},
    }
    models.apply(everything, "whole")
    models.wait_until_applied("whole")
    whole = {kind: _meant(one) for (kind, _), one in models.objects().items()}
    models.cluster.kubectl("delete", "lsm", "whole", "-n", models.namespace)
    left = {("PersistentVolumeClaim", "whole-longshore-model")}
    models.cluster.wait_until(lambda: models.objects().keys() == left, "the first to go")
    for count in range(1, len(whole) + 2):  # each object, the event, and the status
        models.kill()
        name = f"killed{count}"
        models.apply(everything, name)
        program = models.start_without_waiting(writes=count)
        assert program.process.wait(LIFE_SECONDS) == -signal.SIGKILL
        assert len(_of(models, name)) == min(count, len(whole))
        models.kill()
        models.start()
        models.wait_until_applied(name)
        found = {kind: _meant(one) for (kind, _), one in _of(models, name).items()}
        assert json.loads(json.dumps(found).replace(name, "whole")) == whole
        models.cluster.kubectl("delete", "lsm", name, "-n", models.namespace)


def wait_as_kubectl_does(models: Models, condition: str) -> None:
    """By several calls: a command here has less time than a pod may take to start."""
    wait = ("wait", "-n", models.namespace, "lsm/scale", "--timeout=20s")

    def has_ended_well() -> bool:
        try:
            return bool(models.cluster.kubectl(*wait, f"--for=condition={condition}"))
        except CommandFailed:
            return False

    models.cluster.wait_until(has_ended_well, condition, seconds=180)


def example(file: Path) -> Json:
    """The values of an example, as far as a resource has them."""
    left_out = {*NOT_IN_A_RESOURCE, "global"}
    values = {k: v for k, v in rendering.ci_values(file).items() if k not in left_out}
    dashboard = values.get("metrics", {}).get("dashboard", {})
    dashboard.pop("namespace", None)  # it would be refused: a resource has objects in its own
    return values


def _turns() -> float:
    return metric("longshore_controller_reconciliations_total", outcome="done")


def _of(models: Models, name: str) -> dict[tuple[str, str], Json]:
    return {key: one for key, one in models.objects().items() if key[1].startswith(f"{name}-")}


def _meant(document: Json) -> Json:
    """What the controller decides of an object."""
    metadata = document["metadata"]
    spec = {k: v for k, v in document.get("spec", {}).items() if k not in _ASSIGNED}
    owners = [owner["name"] for owner in metadata.get("ownerReferences") or ()]
    return {
        "labels": metadata.get("labels"),
        "owners": owners,
        "spec": spec,
        "data": document.get("data"),
    }


_ASSIGNED = {"clusterIP", "clusterIPs", "volumeName"}
"""Fields that differ between two objects of the same specification."""
