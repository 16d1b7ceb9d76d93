from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

import longshore_k8s.controller
from longshore_k8s.controller.metrics import ControllerMetrics
from longshore_k8s.controller.plan import Stage
from longshore_k8s.controller.resource import Resource
from longshore_k8s.controller.rollout_figures import OUTCOMES, STAGES, ended
from tests.contracts.document_tables import described_metrics

PACKAGE = Path(longshore_k8s.controller.__file__).parent
ROLLOUT = {
    "stage": "Step", "step": 1, "steps": 2, "share": 12.5, "requests": 321, "bad": 4,
    "evidence": 36.9, "since": "2026-11-28T20:00:00Z", "deadline": "2026-11-28T21:00:00Z",
}  # fmt: skip


@pytest.fixture
def metrics() -> ControllerMetrics:
    return ControllerMetrics(CollectorRegistry())


def shown(metrics: ControllerMetrics, **statuses: dict) -> set[str]:
    """The lines of the page, of models by their names."""
    resources = [
        Resource.read({"metadata": {"namespace": "models", "name": name}, "status": status})
        for name, status in statuses.items()
    ]
    metrics.show(lambda: resources)
    return set(generate_latest(metrics.registry).decode().splitlines())


def test_every_metric_is_written_somewhere(metrics: ControllerMetrics):
    declared = {name for name in vars(metrics) if not name.startswith("_")} - {"registry"}
    code = "".join(
        path.read_text(encoding="utf-8")
        for path in PACKAGE.glob("*.py")
        if path.name != "metrics.py"
    )

    assert {name for name in declared if not re.search(rf"metrics\.{name}\b", code)} == set()


def test_a_rollout_is_shown_for_as_long_as_it_goes_on(metrics: ControllerMetrics):
    labels = 'model="text",model_namespace="models"'
    lines = shown(metrics, text={"rollout": ROLLOUT}, other={})

    assert {
        f"longshore_controller_rollout_share_ratio{{{labels}}} 0.125",
        f"longshore_controller_rollout_requests{{{labels}}} 321.0",
        f"longshore_controller_rollout_bad_requests{{{labels}}} 4.0",
        f"longshore_controller_rollout_evidence{{{labels}}} 36.9",
        f"longshore_controller_rollout_deadline_timestamp_seconds{{{labels}}} 1.7958996e+09",
        'longshore_controller_rollouts{stage="Step"} 1.0',
        'longshore_controller_rollouts{stage="Abort"} 0.0',
    } <= lines
    assert [line for line in lines if 'model="other"' in line] == []
    assert [line for line in shown(metrics, text={}) if 'model="text"' in line] == []


def test_a_stage_that_has_not_counted_yet_shows_no_counts(metrics: ControllerMetrics):
    lines = shown(metrics, text={"rollout": {"stage": "Verify"}})

    assert 'longshore_controller_rollouts{stage="Verify"} 1.0' in lines
    assert [line for line in lines if 'model="text"' in line] == []


def test_a_model_that_is_stalled_has_a_series_and_others_have_none(metrics: ControllerMetrics):
    def status(value: str) -> dict:
        return {"conditions": [{"type": "Stalled", "status": value}]}

    lines = shown(metrics, text=status("True"), other=status("False"), new={})
    found = [line for line in lines if line.startswith("longshore_controller_model_stalled{")]

    assert found == [
        'longshore_controller_model_stalled{model="text",model_namespace="models"} 1.0'
    ]


def test_the_stages_are_those_of_a_candidate():
    assert {str(stage) for stage in Stage if stage} == set(STAGES)


def test_stages_and_outcomes_have_series_from_the_start(metrics: ControllerMetrics):
    lines = shown(metrics)

    for stage in STAGES:
        assert f'longshore_controller_rollouts{{stage="{stage}"}} 0.0' in lines
    for outcome in OUTCOMES:
        name = f'longshore_controller_rollouts_ended_total{{outcome="{outcome}"}}'
        assert f"{name} 0.0" in lines


def test_a_rollout_that_ended_is_counted_once():
    def entry(version: int, outcome: str) -> dict:
        return {"version": version, "outcome": outcome, "at": f"2026-11-28T2{version}:00:00Z"}

    before = {"history": [entry(2, "Promoted"), entry(1, "Aborted")]}
    after = {"history": [entry(3, "Aborted"), *before["history"]]}

    assert [*ended({}, {})] == [*ended(before, before)] == [*ended(before, {})] == []
    assert [*ended({}, before)] == ["promoted", "aborted"]
    assert [*ended(before, after)] == ["aborted"]


def test_no_label_of_a_model_is_one_that_a_scrape_replaces(metrics: ControllerMetrics):
    target = {"`namespace`", "`pod`", "`job`", "`instance`", "`container`", "`endpoint`"}

    for _, _, labels, _ in described_metrics(metrics.registry):
        assert target.isdisjoint(labels.split(", "))
