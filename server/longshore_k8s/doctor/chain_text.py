"""A metric's way from the pods to the count, in lines."""

from __future__ import annotations

from collections.abc import Iterator

from longshore_k8s.doctor.chain import Known, Reading


def shown(reading: Reading) -> Iterator[str]:
    """A line for the metric, and one for each place."""
    metric = reading.metric
    each = "each pod" if metric.is_average else "the release"
    yield f"{metric.name}: {metric.target:g} of it for {each}"
    yield f"  the pods export       {_values(reading.exported, f' ({reading.series})')}"
    yield f"  Prometheus has        {_values(reading.stored)}"
    yield f"  the metrics API says  {_values(reading.answered)}{_then(reading)}"
    saw = "nothing yet" if metric.seen is None else f"{metric.seen:g} for {each}"
    asks = "" if reading.asks is None else f", so it asks for {reading.asks} with {reading.count}"
    yield f"  the autoscaler saw    {saw}{asks}"


def _values(known: Known, of: str = "") -> str:
    if known.unknown:
        return f"unknown: {known.unknown}"
    shown_values = ", ".join(f"{value:g} {name}" for name, value in sorted(known.values.items()))
    return f"{shown_values}{of}" if shown_values else "nothing"


def _then(reading: Reading) -> str:
    if reading.would_ask is None or reading.would_ask == reading.asks:
        return ""
    return f", by which it will ask for {reading.would_ask}"
