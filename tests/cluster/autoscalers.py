"""The two ways from the pods' counters to an autoscaler, of which a release chooses one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster import chart_values, rules
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.keda import Keda
from tests.cluster.node_agent import quantities
from tests.cluster.node_agent.api import Json
from tests.cluster.serving import Serving

ADAPTER, KEDA = "prometheus-adapter", "KEDA"


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """prometheus-adapter, or KEDA where `keda` is set."""

    cluster: Cluster
    chart: Path
    """The chart, with KEDA's queries over the window of the adapter's rules."""

    keda: Keda | None = None

    def serving(self, namespace: str, name: str = "scale") -> Serving:
        """A release that this autoscaler is going to scale."""
        return Serving(self.cluster, namespace, name, self.chart)

    def values(self, **options: Any) -> Json:
        """Of a release with this autoscaler; the options are chart_values.autoscaled's."""
        return chart_values.autoscaled(mode="keda" if self.keda else "hpa", **options)

    def total(self, serving: Serving, metric: str) -> float:
        """The sum over the release's pods that the HPA compares with its target."""
        if self.keda:
            name = serving.deployment()["metadata"]["name"]
            return float(quantities.parse(self.keda.metric(serving.namespace, name)))
        values = self.cluster.metrics.pod_metric(serving.namespace, metric).values()
        return float(sum(quantities.parse(value) for value in values))

    def stop(self, part: str) -> None:
        """Stop one program of the way: Prometheus, the adapter, or one of KEDA's."""
        self.cluster.metrics.stop(part)
        if self.keda:
            self.keda.stop(part)

    def restore(self) -> None:
        """Start again what was stopped."""
        restore(self.cluster)
        if self.keda:
            self.keda.start_missing()


def restore(cluster: Cluster) -> None:
    """Start Prometheus and prometheus-adapter again, whichever does not run."""
    metrics = cluster.metrics
    metrics.forget_ended()
    if "prometheus" not in metrics.running:
        metrics.start_prometheus(rules.scrape_configs())
    if "adapter" not in metrics.running:
        file = rules.adapter_rules(cluster.folders.root)
        assert file is not None
        metrics.start_adapter(file)
