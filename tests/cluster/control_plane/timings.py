"""The cluster's clocks. The tests shorten them and say so; `SHIPPED` has the real defaults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timings:
    """How often, and how long."""

    autoscaler_sync_seconds: int
    """kube-controller-manager --horizontal-pod-autoscaler-sync-period."""

    scrape_seconds: int
    """Prometheus scrape_interval."""

    relist_seconds: int
    """prometheus-adapter --metrics-relist-interval."""

    node_grace_seconds: int
    """kube-controller-manager --node-monitor-grace-period: silence until a node is NotReady."""

    eviction_seconds: int
    """How long pods stay on a node that is not ready or unreachable."""


SHORTENED = Timings(
    autoscaler_sync_seconds=2,
    scrape_seconds=1,
    relist_seconds=5,
    node_grace_seconds=8,
    eviction_seconds=5,
)
SHIPPED = Timings(
    autoscaler_sync_seconds=15,
    scrape_seconds=15,
    relist_seconds=60,
    node_grace_seconds=50,
    eviction_seconds=300,
)
