"""Ways to break what stands between a release's pods and its autoscaler, on the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.cluster import autoscalers, chart_values, rules
from tests.cluster.control_plane import operator_kinds
from tests.cluster.doctor_breaks import Break
from tests.cluster.doctor_patient import ROOM_SECONDS, Patient
from tests.cluster.node_agent.api import Json
from tests.cluster.tools import custom_kinds

REQUESTS = "longshore_requests_total"
OPERATED = tuple(kind for kind in custom_kinds.MONITORING if "rules" not in kind.name)
"""PodMonitor, ServiceMonitor and Prometheus."""


def second_autoscaler(patient: Patient) -> AbstractContextManager[None]:
    path = f"/apis/autoscaling/v2/namespaces/{patient.serving.namespace}/horizontalpodautoscalers"
    target = chart_values.autoscaler(patient.serving)["spec"]["scaleTargetRef"]
    spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 2}
    return patient.beside(path, {"metadata": {"name": "second"}, "spec": spec})


@contextmanager
def other_metric(patient: Patient) -> Iterator[None]:
    """The autoscaler asks for a metric that no rule of the adapter makes."""
    found = chart_values.autoscaler(patient.serving)
    name, namespace = found["metadata"]["name"], patient.serving.namespace
    path = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers/{name}"
    target = {"type": "AverageValue", "averageValue": "1"}
    metric = {"type": "Pods", "pods": {"metric": {"name": "longshore_tides"}, "target": target}}
    patient.cluster.api.patch(path, {"spec": {"metrics": [metric]}}, kind="merge")
    yield
    patient.cluster.api.patch(path, {"spec": {"metrics": found["spec"]["metrics"]}}, kind="merge")


@contextmanager
def without_adapter(patient: Patient) -> Iterator[None]:
    patient.cluster.metrics.stop("adapter")
    try:
        yield
    finally:
        autoscalers.restore(patient.cluster)


@contextmanager
def without_prometheus(patient: Patient) -> Iterator[None]:
    patient.cluster.metrics.stop("prometheus")
    try:
        yield
    finally:
        autoscalers.restore(patient.cluster)


def scraped(*jobs: Json) -> Break:
    """By a Prometheus with other jobs than the usual, once it has tried what it found."""
    is_slow = any("scrape_interval" in one for one in jobs)

    @contextmanager
    def broken(patient: Patient) -> Iterator[None]:
        metrics = patient.cluster.metrics
        metrics.stop("prometheus")
        metrics.start_prometheus(list(jobs))

        def has_begun() -> bool:
            found = metrics.targets()
            return bool(found) and (is_slow or all(t.get("health") != "unknown" for t in found))

        try:
            patient.cluster.wait_until(has_begun, "Prometheus to find its targets")
            yield
        finally:
            metrics.stop("prometheus")
            autoscalers.restore(patient.cluster)

    return broken


def job(name: str = "pods", *, labels: dict[str, str] | None = None, **more: object) -> Json:
    """The usual job with other fields; `labels` have these values in place of the pod's own."""
    (usual,) = rules.scrape_configs()
    *first, namespace, pod = usual["relabel_configs"]
    fixed = [{"target_label": key, "replacement": value} for key, value in (labels or {}).items()]
    named = [namespace, pod] if labels is None else fixed
    return {**usual, "job_name": name, "relabel_configs": [*first, *named], **more}


def dropped(regex: str) -> Json:
    """A rule that drops series by their name and pod."""
    return {"source_labels": ["__name__", "pod"], "regex": regex, "action": "drop"}


@contextmanager
def monitor_not_selected(patient: Patient) -> Iterator[None]:
    """A Prometheus of the operator that asks for another label, and so does not scrape."""
    cluster, namespace = patient.cluster, patient.serving.namespace
    group = "/apis/monitoring.coreos.com/v1/namespaces"
    kind = {"apiVersion": "monitoring.coreos.com/v1"}
    own = {"app.kubernetes.io/instance": patient.serving.name}
    wanted = {"matchLabels": {"release": "prometheus"}}
    monitor = {
        **kind, "kind": "PodMonitor", "metadata": {"name": "sick", "labels": own},
        "spec": {"selector": {}, "podMetricsEndpoints": []},
    }  # fmt: skip
    scraper = {
        **kind, "kind": "Prometheus", "metadata": {"name": "main"},
        "spec": {"podMonitorSelector": wanted, "podMonitorNamespaceSelector": {}},
    }  # fmt: skip
    with operator_kinds.defined(cluster, OPERATED):
        cluster.api.post(f"{group}/{namespace}/podmonitors", monitor)
        cluster.api.post(f"{group}/monitoring/prometheuses", scraper)
        with scraped(job(relabel_configs=[{"action": "drop"}]))(patient):
            yield


@contextmanager
def one_pod_without_series(patient: Patient) -> Iterator[None]:
    """Of two pods, one whose counter of requests Prometheus does not keep."""
    found = chart_values.autoscaler(patient.serving)
    name, namespace = found["metadata"]["name"], patient.serving.namespace
    path = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers/{name}"
    patient.cluster.api.patch(path, {"spec": {"minReplicas": 2}}, kind="merge")
    patient.serving.wait_until_ready(2, seconds=ROOM_SECONDS)
    last = max(pod["metadata"]["name"] for pod in patient.serving.ready_pods())
    rule = dropped(f"{REQUESTS};{last}")
    with scraped(job(metric_relabel_configs=[rule]))(patient):
        yield
    patient.cluster.api.patch(path, {"spec": {"minReplicas": 1}}, kind="merge")
    patient.serving.wait_until_ready(1, seconds=ROOM_SECONDS)


ELSEWHERE = {"namespace": "elsewhere", "pod": "other"}
CHAIN_BREAKS: dict[str, Break] = {
    "LS23": second_autoscaler,
    "LS24": without_adapter,
    "LS25": other_metric,
    "LS26": without_prometheus,
    "LS27": scraped(
        job(metric_relabel_configs=[dropped(f"{REQUESTS};sick.*")]),
        job("elsewhere", labels=ELSEWHERE),
    ),
    "LS28": monitor_not_selected,
    "LS29": scraped(job(scheme="https")),
    "LS31": scraped(job(labels={"namespace": "elsewhere"})),
    "LS32": scraped(job(scrape_interval="40s", scrape_timeout="5s")),
    "LS34": one_pod_without_series,
}
