"""Exemplars: the trace of a request, in the buckets of the histograms that it fell into.

https://prometheus.io/docs/specs/om/open_metrics_spec/#exemplars
"""

from __future__ import annotations

from longshore.metrics import ServerMetrics
from longshore.rest.observation.record import RequestRecord


def set_exemplars(metrics: ServerMetrics, record: RequestRecord) -> None:
    """Of a request that is sampled and was counted; called after the histograms observed it."""
    trace, target, version, outcome = record.trace, record.target, record.version, record.outcome
    if trace is None or target is None or version is None or outcome is None:
        return
    labels = {"trace_id": trace.trace_id}
    metrics.request_duration_seconds.labels(target.name, version, outcome).exemplify(
        record.seconds, labels
    )
    for batch in record.batches:
        assert record.admitted is not None
        metrics.queue_duration_seconds.labels(target.name, version).exemplify(
            batch.started - record.admitted, labels
        )
        metrics.compute_duration_seconds.labels(target.name, version).exemplify(
            batch.seconds, labels
        )
