"""What Prometheus answers is what was sent, within 5 %."""

from __future__ import annotations

import math

import pytest

from tests.monitoring import shipped_queries
from tests.monitoring.prometheus import promtool
from tests.monitoring.scene import (
    BAD,
    BUSY,
    BUSY_RATE,
    BUSY_SECONDS,
    DRAIN_DELAY,
    DRAIN_TIMEOUT,
    DRAINING,
    GOOD,
    IDLE,
    INSTANCES,
    OTHER,
    SECONDS,
    A,
    B,
    Scene,
)  # fmt: skip
from tests.monitoring.shipped_queries import adapter_query

WORK = {A: (GOOD + BAD) * SECONDS / INSTANCES, B: OTHER * SECONDS / INSTANCES}
PODS = [A, B, BUSY, IDLE]
METRICS = (
    "longshore_utilization", "longshore_requests_per_second", "longshore_concurrency",
    "longshore_request_duration_p95_seconds",
)  # fmt: skip


def about(value: float) -> object:
    return pytest.approx(value, rel=0.05)


def is_between(value: float, sent: float, seen: float) -> bool:
    """A duration is what was sent; on a machine with much else to do, at most what was seen."""
    return 0.95 * sent <= value <= 1.05 * max(sent, seen)


def test_the_metrics_of_a_server_under_load_follow_the_naming_rules(scene: Scene):
    status, text = scene.servers[BUSY].management("/metrics")

    assert status == 200
    assert promtool("check", "metrics", text=text.decode()) == ""


@pytest.mark.parametrize("metric", METRICS)
def test_the_adapter_finds_every_metric_before_the_first_request(scene: Scene, metric: str):
    found = scene.ask(shipped_queries.discovery_query(metric))

    assert IDLE in {dict(labels)["pod"] for labels in found}


def test_an_hpa_reads_the_requests_that_arrive(scene: Scene):
    read = scene.by_pod(adapter_query("longshore_requests_per_second", PODS))

    assert read == {A: about(GOOD + BAD), B: about(OTHER), BUSY: about(BUSY_RATE), IDLE: 0}


def test_an_hpa_reads_the_work_that_arrives_beyond_what_the_pod_can_do(scene: Scene):
    read = scene.by_pod(adapter_query("longshore_utilization", PODS))

    assert read[A] == about(WORK[A])
    assert read[B] == about(WORK[B])
    assert read[BUSY] == about(BUSY_RATE * BUSY_SECONDS)
    assert read[IDLE] == 0


def test_an_hpa_reads_the_requests_in_flight(scene: Scene):
    read = scene.by_pod(adapter_query("longshore_concurrency", PODS))

    for pod, rate in ((A, GOOD + BAD), (B, OTHER)):
        assert is_between(read[pod], rate * SECONDS, rate * scene.seen_p95(pod))
    assert read[IDLE] == 0


def test_an_hpa_reads_how_long_answers_take_and_never_nan(scene: Scene):
    read = scene.by_pod(adapter_query("longshore_request_duration_p95_seconds", PODS))

    for pod in (A, B):
        assert is_between(read[pod], SECONDS, scene.seen_p95(pod))
    assert read[IDLE] == 0
    assert not any(math.isnan(value) for value in read.values())


def test_a_pod_whose_requests_all_wait_has_no_p95(scene: Scene):
    """Nothing is answered and much is asked: a 0 would tell the autoscaler to scale down."""
    draining = adapter_query("longshore_request_duration_p95_seconds", [DRAINING])
    while_it_waited = scene.prometheus.query(draining, at=scene.began + 2.5)

    assert while_it_waited == {}


def test_keda_reads_the_sum_over_the_releases_pods_as_one_number(scene: Scene):
    queries = shipped_queries.keda_queries("steady")

    assert set(queries) == {"utilization", "requests-per-second", "concurrency"}
    assert scene.number(queries["requests-per-second"]) == about(GOOD + BAD + OTHER)
    assert scene.number(queries["utilization"]) == about(WORK[A] + WORK[B])
    waiting, rate = scene.number(queries["concurrency"]), GOOD + BAD + OTHER
    slowest = max(scene.seen_p95(pod) for pod in (A, B))
    assert is_between(waiting, rate * SECONDS, rate * slowest)


def test_keda_reads_nothing_of_a_release_without_pods(scene: Scene):
    """An error for KEDA, since `ignoreNullValues` is false; a 0 would scale down."""
    for query in shipped_queries.keda_queries("gone").values():
        assert scene.ask(query) == {}


def fired(scene: Scene, release: str, **autoscaling: object) -> dict[str, float]:
    """The alerts of a release whose expression holds, with their largest value."""
    values = {"autoscaling": {"mode": "hpa", **autoscaling}}
    queries = shipped_queries.alert_queries(release, **values)
    answers = {name: scene.ask(query) for name, query in queries.items()}
    return {name: max(answer.values()) for name, answer in answers.items() if answer}


def test_alerts_on_failed_requests_give_their_share(scene: Scene):
    failed = about(BAD / (GOOD + BAD + OTHER))

    assert fired(scene, "steady") == {
        "LongshoreErrorBudgetBurn critical": failed,
        "LongshoreErrorBudgetBurn warning": failed,
    }


def test_alerts_on_overload_give_how_much_too_much_is_asked(scene: Scene):
    asked = BUSY_RATE * BUSY_SECONDS
    found = fired(scene, "busy", metrics={"utilization": 0.7, "requestsPerSecond": 25})

    outcomes = scene.seen(BUSY)
    refused = sum(outcome.is_refused for outcome in outcomes) / len(outcomes)
    assert found.pop("LongshoreErrorBudgetBurn critical") == about(refused)
    assert found.pop("LongshoreErrorBudgetBurn warning") == about(refused)
    assert found == {
        "LongshoreSaturated warning": about(asked),
        "LongshoreAutoscalerStuck utilization": about(asked / 0.7),
        "LongshoreAutoscalerStuck requestsPerSecond": about(BUSY_RATE / 25),
    }


def test_an_autoscaler_at_its_maximum_is_not_stuck(scene: Scene):
    assert "LongshoreAutoscalerStuck utilization" not in fired(
        scene, "busy", minReplicas=1, maxReplicas=1
    )


def test_alerts_on_a_model_that_cannot_be_loaded(scene: Scene):
    assert set(fired(scene, "unloadable")) == {
        "LongshoreModelLoadFailed warning",
        "LongshoreNoPodReady critical",
        "LongshorePodNotReady warning",
    }


def test_alerts_on_a_version_that_would_have_harmed_a_pod(scene: Scene):
    assert set(fired(scene, "harmed")) == {
        "LongshoreCandidateHarmful warning",
        "LongshoreModelLoadFailed warning",
    }


def test_an_alert_on_a_drain_that_came_near_its_end_outlives_the_pod(scene: Scene):
    found = fired(scene, "draining")
    used = scene.drain_seconds / (DRAIN_DELAY + DRAIN_TIMEOUT)

    # No pod is left; a busy machine misses a scrape or two before the end.
    assert set(found) == {"LongshoreDrainOverrun warning", "LongshoreNoPodReady critical"}
    assert used - 0.25 < found["LongshoreDrainOverrun warning"] <= used


def test_nothing_is_said_of_an_idle_release(scene: Scene):
    assert fired(scene, "idle") == {}


def test_prometheus_evaluates_the_shipped_rules_without_complaint(scene: Scene):
    rules = [rule for group in scene.prometheus.get("rules")["groups"] for rule in group["rules"]]

    assert len(rules) > 10
    assert {(rule["health"], rule.get("lastError", "")) for rule in rules} == {("ok", "")}


def test_the_dashboard_shows_the_numbers(scene: Scene):
    shown = {name: scene.ask(q) for name, q in shipped_queries.dashboard_queries("steady").items()}
    empty = [
        name
        for name, answer in shown.items()
        if not answer and "GPU" not in name and "{{reason}}" not in name
    ]
    rate = GOOD + BAD + OTHER

    assert empty == []
    for name, number in {
        "Pods ready": 2,
        "Utilization": (WORK[A] + WORK[B]) / 2,
        "Failed": BAD / rate,
        "Mean batch": 1,
        "Pods scraped": 2,
        "Pods draining": 0,
    }.items():
        assert list(shown[name].values()) == [about(number)], name
    for name in ("p95", "Answer time p95"):
        (seconds,) = shown[name].values()
        assert is_between(seconds, SECONDS, max(scene.seen_p95(pod) for pod in (A, B))), name


def test_the_dashboard_shows_what_came_of_a_new_version(scene: Scene):
    queries = shipped_queries.dashboard_queries("harmed")
    tried = scene.ask(queries["New versions tried {{outcome}}"])
    by_outcome = {dict(labels)["outcome"]: count for labels, count in tried.items()}

    assert {outcome for outcome, count in by_outcome.items() if count} == {"crashed"}
    assert by_outcome["crashed"] == 1
    assert by_outcome["starved"] == 0
    assert scene.number(queries["New versions tried trying now"]) == 0
    assert 0 < scene.number(queries["Seconds of the last trial {{pod}}"]) < 60


@pytest.mark.parametrize("release", ["busy", "unloadable", "draining", "idle"])
def test_the_dashboard_understands_every_release(scene: Scene, release: str):
    for query in shipped_queries.dashboard_queries(release).values():
        scene.ask(query)


def test_a_pod_that_two_jobs_scrape_counts_once_on_the_dashboard(scene: Scene):
    rate = GOOD + BAD + OTHER
    queries = shipped_queries.dashboard_queries("steady")

    assert scene.number(queries["Requests per second"]) == about(rate)
    assert sum(scene.ask(queries["Requests by outcome {{outcome}}"]).values()) == about(rate)
