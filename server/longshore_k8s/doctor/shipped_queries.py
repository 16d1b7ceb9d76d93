"""The queries of the chart's rules for prometheus-adapter, of all pods of a release."""

from __future__ import annotations

WINDOW_SECONDS = 60.0
"""Of the rates; the file that the chart ships has the same."""
SERIES = {
    "longshore_utilization": ("longshore_offered_work_seconds_total", "model"),
    "longshore_requests_per_second": ("longshore_requests_total", "model, version, protocol"),
    "longshore_concurrency": ("longshore_inflight_request_seconds_total", "model"),
}
"""By an HPA's metric: the counter that a pod exports, and its labels, of which a pod that two jobs
scrape counts once. A percentile is not a sum of what pods export."""


def query(metric: str, namespace: str, pods: list[str]) -> str | None:
    """What the adapter asks Prometheus for the pods; `None` for a metric of somebody else's."""
    if metric not in SERIES:
        return None
    series, labels = SERIES[metric]
    matchers = f'namespace="{namespace}",pod=~"{"|".join(pods)}"'
    return f"sum(max(rate({series}{{{matchers}}}[1m])) by (pod, namespace, {labels})) by (pod)"
