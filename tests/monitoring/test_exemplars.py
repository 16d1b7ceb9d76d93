"""A real Prometheus leads from a bucket of a latency histogram to the trace of a request in it."""

from __future__ import annotations

import time
import urllib.parse

from tests.attacks.served_process import ServedProcess, identity_model
from tests.integration.otlp_receiver import receiving
from tests.integration.test_lifecycle import QUICK, ask
from tests.monitoring.prometheus import Pod, program, scraping

TRACE = "0af7651916cd43dd8448eb211c80319c"
SAMPLED = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
NOT_SAMPLED = {"traceparent": f"00-{'1' * 32}-b7ad6b7169203331-00"}
QUERY = 'longshore_request_duration_seconds_bucket{outcome="success"}'


def test_a_trace_is_found_from_the_bucket_that_its_request_fell_into(tmp_path):
    program("prometheus")
    with (
        receiving() as receiver,
        ServedProcess(
            identity_model(tmp_path), tracing="otlp", environment=receiver.environment, **QUICK
        ) as server,
        scraping(
            [Pod("a", server.management_port)], [], tmp_path, features=("exemplar-storage",)
        ) as prometheus,
    ):
        began = time.time()
        assert ask(server, headers=SAMPLED)[0] == 200
        assert ask(server, headers=NOT_SAMPLED)[0] == 200  # newer, in the same bucket perhaps
        prometheus.wait_until_scraped(1)

        def exemplars():
            span = {"query": QUERY, "start": began - 60, "end": time.time() + 60}
            return prometheus.get(f"query_exemplars?{urllib.parse.urlencode(span)}")

        deadline = time.monotonic() + 30
        while not exemplars():
            assert time.monotonic() < deadline, "no exemplar was stored"
            time.sleep(0.2)
        found = exemplars()

    values = {
        exemplar["labels"]["trace_id"]: (series["seriesLabels"], float(exemplar["value"]))
        for series in found
        for exemplar in series["exemplars"]
    }
    labels, seconds = values[TRACE]
    assert labels["pod"] == "a"
    assert seconds <= float(labels["le"])
