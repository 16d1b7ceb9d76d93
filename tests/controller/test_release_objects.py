"""The objects of a plan, by the real chart and every example of its values."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial

import pytest

from longshore_k8s.controller import kinds
from longshore_k8s.controller.aim import Aim
from longshore_k8s.controller.facts import ClusterFacts, with_facts
from longshore_k8s.controller.plan import Plan
from longshore_k8s.controller.release_objects import objects_of, pods_digest
from longshore_k8s.controller.renderer import Renderer
from longshore_k8s.controller.resource import Resource
from tests.chart import rendering
from tests.contracts.crd import NOT_IN_A_RESOURCE
from tests.controller.world import EVERY_KIND

FACTS = ClusterFacts("1.36.0", EVERY_KIND)
NOT_A_RESOURCES = {*NOT_IN_A_RESOURCE, "global"}
EXAMPLES = pytest.mark.parametrize("file", rendering.CI_VALUES, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with contextlib.closing(Renderer(rendering.CHART)) as running:
        yield running


def resource() -> Resource:
    return Resource.read({"metadata": {"name": "text", "namespace": "models", "uid": "u"}})


def render_by(renderer, values):
    modes = lambda claim: ["ReadWriteMany"]  # noqa: E731
    return renderer.render(("models", "text"), with_facts(values, FACTS, modes))


def example(file, version=1):
    values = {k: v for k, v in rendering.ci_values(file).items() if k not in NOT_A_RESOURCES}
    values.get("metrics", {}).get("dashboard", {}).pop("namespace", None)
    values.get("model", {}).pop("version", None)
    return Aim(values, version)


def by_key(documents):
    return {(one["kind"], one["metadata"]["name"]): one for one in documents}


def labels_of(deployment):
    return deployment["spec"]["template"]["metadata"]["labels"].items()


@EXAMPLES
def test_the_canary_of_every_example_has_pods_that_only_the_widened_selector_finds(renderer, file):
    render = partial(render_by, renderer)
    stable, canary = example(file), example(file, version=2)
    narrow = by_key(objects_of(Plan(stable, canary, 1), resource(), render))
    wide = by_key(objects_of(Plan(stable, canary, 1, is_wide=True), resource(), render))
    deployments = [one for key, one in narrow.items() if key[0] == "Deployment"]
    (serving,) = [one for one in deployments if one["metadata"]["name"] != "text-canary"]
    candidate = narrow["Deployment", "text-canary"]
    fronts = [
        key for key, one in narrow.items()
        if key[0] == "Service" and one["spec"].get("clusterIP") != "None"
    ]  # fmt: skip

    assert candidate["spec"]["replicas"] == 1
    (front,) = fronts
    selector, widened = (one[front]["spec"]["selector"].items() for one in (narrow, wide))
    assert selector <= labels_of(serving)
    assert not selector <= labels_of(candidate)
    assert widened <= labels_of(serving) & labels_of(candidate)
    own = candidate["spec"]["selector"]["matchLabels"].items()
    assert own <= labels_of(candidate)
    assert not own <= labels_of(serving)
    assert not serving["spec"]["selector"]["matchLabels"].items() <= labels_of(candidate)
    claims = [
        [v["persistentVolumeClaim"]["claimName"] for v in one["spec"]["template"]["spec"]["volumes"]
         if "persistentVolumeClaim" in v]
        for one in (serving, candidate)
    ]  # fmt: skip
    assert claims[0] == claims[1]
    accounts = {one["spec"]["template"]["spec"]["serviceAccountName"] for one in deployments}
    assert len(accounts) == 1
    added = narrow.keys() - by_key(render(stable.chart_values)).keys()
    assert {kind for kind, _ in added} <= {"Deployment", "ConfigMap", "NetworkPolicy"}


@EXAMPLES
def test_the_job_of_every_example_reads_the_model_and_nothing_finds_it(renderer, file):
    render = partial(render_by, renderer)
    aim = Aim(example(file).values, 3, "a" * 64)
    documents = objects_of(Plan(None, verified=aim), resource(), render)
    (job,) = [one for one in documents if one["kind"] == "Job"]
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    models = [m for m in container["volumeMounts"] if m["mountPath"].startswith("/models")]

    assert {one["kind"] for one in documents} <= {"Job", "ServiceAccount", kinds.CLAIM.name}
    assert container["args"] == [
        "inspect", aim.model_path, "--version=3", f"--digest={'a' * 64}",
    ]  # fmt: skip
    assert models
    assert all(mount["readOnly"] for mount in models)
    made = {one["metadata"]["name"] for one in documents}
    configs = {v["configMap"]["name"] for v in pod["volumes"] if "configMap" in v}
    assert not {name for name in configs if name.startswith("text-")} - made
    assert pod["restartPolicy"] == "Never"
    amounts = container["resources"].values()
    assert not any("/" in name for one in amounts if isinstance(one, dict) for name in one)


@EXAMPLES
def test_another_version_makes_other_pods_and_another_count_does_not(renderer, file):
    render = partial(render_by, renderer)
    aim = example(file)
    more = {**aim.values, "revisionHistoryLimit": 7}

    assert pods_digest(aim, render) != pods_digest(Aim(aim.values, 2), render)
    assert pods_digest(aim, render) == pods_digest(Aim(more, 1), render)


def test_before_it_has_proved_itself_nothing_sends_requests_to_a_first_version(renderer):
    values = {
        "image": {"repository": "registry.example/longshore"},
        "model": {"existingClaim": "models"},
        "ingress": {"enabled": True, "hosts": ["models.example.com"]},
    }
    plan = Plan(Aim(values, 1), is_unserved=True)
    found = objects_of(plan, resource(), partial(render_by, renderer))

    assert {"Service", "Ingress"}.isdisjoint(one["kind"] for one in found)
    assert "Deployment" in {one["kind"] for one in found}
