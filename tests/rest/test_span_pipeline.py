"""From spans to the collector: bounded, and said once when they get lost."""

from __future__ import annotations

import logging
import threading

import pytest

pytest.importorskip("opentelemetry.sdk", reason="needs OpenTelemetry (extra otel)")

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, TraceFlags

from longshore.rest.tracing.pipeline import SpanPipeline
from longshore.rest.tracing.trouble import QUIET_SECONDS, ExportTrouble, TroubleHandler

LOGGER = "longshore.rest.tracing.trouble"


def span(number: int) -> ReadableSpan:
    context = SpanContext(1, number + 1, False, TraceFlags(TraceFlags.SAMPLED))
    return ReadableSpan(str(number), context=context)


class Collector(SpanExporter):
    """Takes nothing before `is_open`; then answers `result`, or raises it."""

    def __init__(self, result: SpanExportResult | Exception = SpanExportResult.SUCCESS) -> None:
        self.is_open, self.is_asked = threading.Event(), threading.Event()
        self.result = result
        self.names: list[str] = []

    def export(self, spans):
        self.is_asked.set()
        self.is_open.wait()
        if isinstance(self.result, Exception):
            raise self.result
        if self.result is SpanExportResult.SUCCESS:
            self.names += [span.name for span in spans]
        return self.result


@pytest.fixture
def trouble(clock):
    return ExportTrouble(clock)


def messages(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == LOGGER]


def test_everything_is_exported_before_the_end(trouble):
    collector = Collector()
    collector.is_open.set()
    pipeline = SpanPipeline(collector, trouble, max_queue_size=2048)
    pipeline.offer([span(number) for number in range(1500)])
    pipeline.close()

    assert sorted(collector.names, key=int) == [str(number) for number in range(1500)]


def test_what_the_queue_has_no_room_for_is_lost_whole_and_said_once(trouble, caplog):
    collector = Collector()
    pipeline = SpanPipeline(collector, trouble, max_queue_size=600)
    with caplog.at_level(logging.INFO):
        pipeline.offer([span(number) for number in range(512)])  # as many as are exported at once
        collector.is_asked.wait()
        for first in range(1000, 1900, 300):
            pipeline.offer([span(number) for number in range(first, first + 300)])
        collector.is_open.set()
        pipeline.close()

    assert len(collector.names) == 512 + 600
    assert not [name for name in collector.names if int(name) >= 1600]
    assert len(messages(caplog)) == 1
    assert "slower" in messages(caplog)[0]


@pytest.mark.parametrize("result", [SpanExportResult.FAILURE, RuntimeError("cannot be encoded")])
def test_a_collector_that_takes_nothing_is_said_once(trouble, caplog, result):
    collector = Collector(result)
    collector.is_open.set()
    pipeline = SpanPipeline(collector, trouble, max_queue_size=2048)
    with caplog.at_level(logging.INFO):
        for number in range(1500):
            pipeline.offer([span(number)])
        pipeline.close()

    assert len(messages(caplog)) == 1
    assert "requests are answered all the same" in messages(caplog)[0]
    assert not [r for r in caplog.records if r.name.startswith("opentelemetry")]


def test_that_it_is_back_is_said_once_it_stays(trouble, clock, caplog):
    with caplog.at_level(logging.INFO):
        trouble.note("away", lost=3)
        trouble.note_success()
        trouble.note("away", lost=4)
        clock.advance(QUIET_SECONDS)
        trouble.note_success()
        trouble.note_success()
        trouble.note("away again", lost=1)

    assert [line.rpartition(": ")[2] for line in messages(caplog)] == [
        "away",
        "spans_lost=7",
        "away again",
    ]


def test_what_the_exporter_logs_at_each_attempt_is_said_once(trouble, caplog):
    logger = logging.getLogger("exporter")
    logger.propagate = False
    handler = TroubleHandler(trouble)
    logger.addHandler(handler)
    try:
        with caplog.at_level(logging.INFO):
            for _ in range(3):
                logger.warning("Transient error %s", "refused")
    finally:
        logger.removeHandler(handler)

    (line,) = messages(caplog)
    assert line.endswith("Transient error refused")
