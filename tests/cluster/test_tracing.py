"""Traces of a release: from a pod of the image as it is built by default, to a collector."""

from __future__ import annotations

import pytest

from tests.cluster import chart_values, example_models
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.places import CONTROL_PLANE_ADDRESS
from tests.cluster.http_exchange import post
from tests.cluster.serving import Serving, ask
from tests.integration.otlp_receiver import receiving

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(200)]

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SERVER = "POST /v2/models/{model}/infer"


def test_the_spans_of_a_request_arrive_at_the_collector_that_the_release_names(
    cluster: Cluster, namespace: str
) -> None:
    serving = Serving(cluster, namespace, "scale")
    example_models.write_version(serving.create_claim() / example_models.NAME, 1)
    with receiving(CONTROL_PLANE_ADDRESS) as collector:
        tracing = {"endpoint": collector.endpoint, "sampleRatio": 0}
        serving.release.install(chart_values.serving(tracing=tracing))
        cluster.wait_until(lambda: serving.predicted_version() == 1, "the first answer")
        target, traceparent = serving.target(), f"00-{TRACE}-{PARENT}-01"
        request = post(
            target.path, target.body, host=target.host, is_kept_alive=False, traceparent=traceparent
        )

        assert ask(target.host, target.port, request).status == 200
        cluster.wait_until(lambda: collector.named("batch"), "the spans", seconds=30)

    (pod,) = serving.pods()
    span = collector.one(SERVER)
    assert (span.trace_id, span.parent_span_id) == (TRACE, PARENT), "no other request was sampled"
    assert span.resource["k8s.pod.name"] == pod["metadata"]["name"]
    assert span.resource["k8s.namespace.name"] == namespace
    assert span.resource["service.name"] == "scale-longshore"
    assert collector.one("batch").links == [(TRACE, span.span_id)]
