"""What pods have counted, read over real sockets."""

from __future__ import annotations

from prometheus_client import generate_latest

from longshore.metrics import ServerMetrics
from longshore_k8s.capacity.local_ports import unused_port
from longshore_k8s.controller.judging.look import Counts, PodLook
from longshore_k8s.controller.pod_counters import look_at
from tests.controller.pods import pod, serving


def page(requests: int) -> bytes:
    metrics = ServerMetrics()
    metrics.create_version("text", "1")
    for _ in range(requests):
        metrics.responses.labels("text", "1", "success").inc()
        metrics.request_duration_seconds.labels("text", "1", "success").observe(0.01)
    return generate_latest(metrics.registry)


def test_each_pod_tells_what_it_counted_or_why_it_does_not():
    closed = unused_port()
    with (
        serving({"/metrics": page(7)}) as port,
        serving({"/metrics": b"hello"}) as other,
        serving({}) as without,
    ):
        stable = [pod("s-1", port), pod("s-2", closed, restarts=2)]
        canary = [
            pod("c-1", other),
            pod("c-2", port, ready="False", phase="Pending", podIP=None),
            pod("c-3", without),
        ]
        look = look_at(stable, canary, 0.1)

    (first, second), (third, fourth, fifth) = look.stable, look.canary
    assert first == PodLook("s-1", 0, is_ready=True, counts=Counts(requests=7))
    assert (second.restarts, second.counts) == (2, None)
    assert f"127.0.0.1:{closed}/metrics" in second.unread
    assert "refused" in second.unread
    assert "exports no longshore_responses_total" in third.unread
    assert (fourth.is_ready, fourth.counts, fourth.unread) == (False, None, "it does not run")
    assert fifth.unread.endswith("/metrics: status 404")
    assert look.slow_seconds == 0.1


def test_a_pod_without_a_management_port_is_told_apart():
    bare = pod("p", 8002) | {"spec": {"containers": [{"name": "x"}]}}
    look = look_at([], [bare])

    assert look.canary[0].unread == "no port management"


def test_a_pod_that_is_about_to_end_is_not_waited_for():
    ending = pod("p", unused_port())
    ending["metadata"]["deletionTimestamp"] = "2026-11-29T00:00:00Z"
    look = look_at([], [ending])

    assert (look.canary[0].is_ready, look.canary[0].counts) == (False, None)
