"""The chart, its facts and its refusals, by the process that renders."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from longshore_k8s.controller import kinds
from longshore_k8s.controller.facts import ClusterFacts, with_facts
from longshore_k8s.controller.renderer import Renderer, RendererFailed
from longshore_k8s.controller.wanted import Refusal
from tests.chart import rendering

KEY = "models", "release"
VALUES = {"image": {"repository": "registry.example/longshore"}, "model": {"existingClaim": "m"}}
BARE = ClusterFacts("1.36.0", kinds.ALWAYS_THERE)


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with contextlib.closing(Renderer(rendering.CHART)) as running:
        yield running


def test_it_renders_what_helm_does(renderer):
    expected = rendering.render(VALUES)

    found = renderer.render(KEY, VALUES)
    assert sorted(map(str, found)) == sorted(map(str, expected))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {**VALUES, "autoscaling": {"mode": "keda"}},
            "autoscaling: mode keda needs autoscaling.keda",
        ),
        ({**VALUES, "replicas": -1}, "at '/replicas': minimum: got -1, want 0"),
        ({"model": {"existingClaim": "m"}}, "image.repository: not set"),
    ],
)
def test_a_refusal_is_the_charts_own_sentence(renderer, values, sentence):
    with pytest.raises(Refusal) as refusal:
        renderer.render(KEY, values)

    assert refusal.value.reason == "ValuesRefused"
    assert refusal.value.sentence.startswith(sentence)


def test_a_process_that_ended_is_started_again(renderer):
    renderer.render(KEY, VALUES)
    renderer._process.kill()
    renderer._process.wait()
    with pytest.raises(RendererFailed, match="models/release"):
        renderer.render(KEY, VALUES)

    assert renderer.render(KEY, VALUES)


def test_the_source_changes_with_the_values_alone(renderer):
    assert renderer.source_of(VALUES) == renderer.source_of(dict(VALUES))
    assert renderer.source_of(VALUES) != renderer.source_of({**VALUES, "replicas": 2})


def test_a_folder_without_a_chart_is_said_at_once(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Chart\.yaml"):
        Renderer(tmp_path)


def test_facts_answer_what_the_values_leave_open():
    known = with_facts(VALUES, BARE, lambda claim: [f"mode of {claim}"])
    monitored = ClusterFacts("1.36.0", kinds.ALWAYS_THERE | {"PodMonitor"})

    assert known["kubeVersion"] == "1.36.0"
    assert known["model"]["existingClaimAccessModes"] == ["mode of m"]
    assert known["metrics"]["podMonitor"]["enabled"] is False
    assert with_facts(VALUES, monitored, lambda _: [])["metrics"]["podMonitor"]["enabled"] is True
    assert "kubeVersion" not in VALUES


def test_facts_take_the_place_of_nothing_that_is_said():
    said = {
        "kubeVersion": "1.30.0",
        "model": {"existingClaim": "m", "existingClaimAccessModes": ["ReadWriteMany"]},
        "metrics": {"podMonitor": {"enabled": True}},
    }
    known = with_facts(said, BARE, lambda _: pytest.fail("asked"))

    assert {**known, "test": None} == {**said, "test": None}
    other = {"metrics": {"serviceMonitor": {"enabled": True}}}
    monitored = ClusterFacts("1.36.0", kinds.ALWAYS_THERE | {"PodMonitor"})
    assert with_facts(other, monitored, lambda _: [])["metrics"]["podMonitor"]["enabled"] is False


@pytest.mark.parametrize("metrics", [None, {"podMonitor": None}])
def test_a_null_block_is_an_empty_one(metrics):
    known = with_facts({"metrics": metrics, "model": None}, BARE, lambda _: [])

    assert known["metrics"]["podMonitor"]["enabled"] is False
