"""From finished spans to the collector: bounded, on a thread, and never at a request's cost."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from longshore.rest.tracing.trouble import ExportTrouble


class SpanPipeline:
    """OpenTelemetry's batch processor, which exports on a thread of its own. What would overflow
    its queue is counted, instead of pushing out older spans unheard.
    """

    def __init__(
        self, exporter: SpanExporter, trouble: ExportTrouble, *, max_queue_size: int
    ) -> None:
        self._max_queue_size = max_queue_size
        self._trouble = trouble
        self._offered = 0
        self._exporter = _WatchedExporter(exporter, trouble)
        self._processor = BatchSpanProcessor(self._exporter, max_queue_size=max_queue_size)

    def offer(self, spans: Sequence[ReadableSpan]) -> None:
        """Called on the event loop. The spans are exported, or all of them are lost."""
        waiting = self._offered - self._exporter.taken
        if waiting + len(spans) > self._max_queue_size:
            self._trouble.note(
                f"the collector is slower than requests are: {waiting} spans wait", len(spans)
            )
            return
        self._offered += len(spans)
        for span in spans:
            self._processor.on_end(span)

    def close(self) -> None:
        """Export what waits, then stop; blocks as long as the collector does."""
        self._processor.force_flush()
        self._processor.shutdown()


class _WatchedExporter(SpanExporter):
    """Says what is lost, and never raises."""

    def __init__(self, exporter: SpanExporter, trouble: ExportTrouble) -> None:
        self._exporter = exporter
        self._trouble = trouble
        self.taken = 0
        """Spans so far; written by the thread that exports."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        try:
            result = self._exporter.export(spans)
        except Exception as error:
            self._trouble.note(f"{type(error).__name__}: {error}", len(spans))
            return SpanExportResult.FAILURE
        if result is SpanExportResult.SUCCESS:
            self._trouble.note_success()
        else:
            self._trouble.note("the collector did not take them", len(spans))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()
