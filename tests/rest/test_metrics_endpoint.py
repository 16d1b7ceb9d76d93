"""The metrics have the format that the scraper takes, and only OpenMetrics has exemplars."""

from __future__ import annotations

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from longshore.rest.metrics_endpoint import MetricsEndpoint, takes_openmetrics

PROMETHEUS = (
    b"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    b"application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,*/*;q=0.1"
)
"""What a Prometheus of 2026 sends."""
TRACE = "0af7651916cd43dd8448eb211c80319c"


async def scrape(metrics, accept: bytes, *, has_exemplars: bool = True):
    headers = {b"accept": accept} if accept else {}
    endpoint = MetricsEndpoint(metrics.registry, has_exemplars=has_exemplars)
    return await endpoint.scrape({"header_map": headers})


@pytest.fixture
def observed(metrics):
    metrics.create_model("m")
    metrics.create_version("m", "1")
    durations = metrics.request_duration_seconds.labels("m", "1", "success")
    for seconds in (0.003, 0.004, 0.2):
        durations.observe(seconds)
    durations.exemplify(0.003, {"trace_id": "0" * 32})
    durations.exemplify(0.004, {"trace_id": TRACE})
    return metrics


async def test_a_scraper_of_openmetrics_gets_the_newest_trace_of_each_bucket(observed):
    answer = await scrape(observed, PROMETHEUS)
    families = text_string_to_metric_families(answer.body.decode())
    found = [
        (sample.labels["le"], sample.exemplar.labels, sample.exemplar.value)
        for family in families
        for sample in family.samples
        if sample.exemplar
    ]

    assert answer.headers[0][1].startswith(b"application/openmetrics-text; version=1.0.0")
    assert found == [("0.005", {"trace_id": TRACE}, 0.004)]


@pytest.mark.parametrize("accept", [b"", b"*/*", b"text/plain;version=0.0.4"])
async def test_every_other_scraper_gets_what_it_always_got(observed, accept):
    with_exemplars = await scrape(observed, accept)
    without = await scrape(observed, PROMETHEUS, has_exemplars=False)

    assert with_exemplars.headers == without.headers
    assert with_exemplars.headers[0][1].startswith(b"text/plain")
    assert with_exemplars.body == without.body
    assert b"trace_id" not in without.body


async def test_both_formats_have_the_same_samples(observed):
    plain = (await scrape(observed, b"")).body.decode().splitlines()
    openmetrics = (await scrape(observed, PROMETHEUS)).body.decode().splitlines()

    def samples(lines):
        return [line.partition(" # ")[0] for line in lines if not line.startswith("#")]

    assert samples(openmetrics) == samples(plain)


@pytest.mark.parametrize(
    ("accept", "takes"),
    [
        (b"application/openmetrics-text", True),
        (b"text/html, Application/OpenMetrics-Text ; version=1.0.0 ; q=0.5", True),
        (b"application/openmetrics-text;version=none", True),
        (b"application/openmetrics-text;q=0", False),
        (b"application/openmetrics-text;q=0.00", False),
        (b"application/openmetrics-text;q=0.01", True),
        (b"application/openmetrics-textual", False),
        (b";;,,=", False),
    ],
)
def test_what_a_scraper_takes_is_read_of_its_header(accept, takes):
    assert takes_openmetrics(accept) is takes
