"""The counters as a server exports them, read as the controller does."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest

from longshore.metrics import OUTCOMES, ServerMetrics
from longshore_k8s.controller.judging.look import Counts
from longshore_k8s.controller.judging.page import CANCELLED, ERRORS, INVALID, SUCCESS, Page


@pytest.fixture
def server() -> ServerMetrics:
    metrics = ServerMetrics()
    for model, version in (("text", "1"), ("text", "2"), ('a "b" {c}', "1")):
        metrics.create_model(model)
        metrics.create_version(model, version)
    return metrics


def ask(metrics: ServerMetrics, outcome: str, seconds: float, version: str = "1") -> None:
    metrics.responses.labels("text", version, outcome).inc()
    metrics.request_duration_seconds.labels("text", version, outcome).observe(seconds)


def counts(metrics: ServerMetrics, slow_seconds: float | None = None) -> Counts:
    return Page.read(generate_latest(metrics.registry).decode()).counts(slow_seconds)


def test_before_the_first_request_nothing_was_counted(server: ServerMetrics):
    assert counts(server) == Counts()


def test_outcomes_are_good_or_bad_or_for_comparison_or_say_nothing(server: ServerMetrics):
    for outcome in OUTCOMES:
        ask(server, outcome, 0.001)

    assert {*ERRORS, *INVALID, SUCCESS, CANCELLED} <= set(OUTCOMES)
    assert counts(server) == Counts(requests=1 + len(ERRORS), errors=len(ERRORS), invalid=2)


def test_all_versions_of_a_pod_count(server: ServerMetrics):
    for version in ("1", "2"):
        ask(server, "success", 0.001, version)

    assert counts(server) == Counts(requests=2)


def test_answers_beyond_the_bucket_are_slow(server: ServerMetrics):
    for seconds in (0.01, 0.05, 0.09, 0.11, 3.0, 60.0):
        ask(server, "success", seconds)

    assert counts(server, 0.1) == Counts(requests=6, slow=3)
    # 0.06 is in the bucket up to 0.1: whether what is in it is slow, nobody knows.
    assert counts(server, 0.06) == Counts(requests=6, slow=3)
    assert counts(server, 100.0) == Counts(requests=6, slow=0)
    assert counts(server, None) == Counts(requests=6, slow=0)


def test_a_client_that_waited_in_vain_beyond_the_bucket_was_answered_too_slowly(
    server: ServerMetrics,
):
    ask(server, "cancelled", 0.01)
    ask(server, "cancelled", 0.4)

    assert counts(server, 0.1) == Counts(requests=1, slow=1)
    assert counts(server) == Counts()


@pytest.mark.parametrize("text", ["", "hello", "# TYPE other counter\nother_total 1.0\n"])
def test_what_is_no_page_of_a_server_is_refused(text: str):
    with pytest.raises(ValueError, match="exports no longshore_responses_total"):
        Page.read(text)


def test_what_cannot_be_parsed_is_refused_and_not_taken_for_nothing():
    with pytest.raises(ValueError):  # noqa: PT011 - the parser's own sentence
        Page.read('longshore_responses_total{outcome="success} 1.0\n')
