"""Each link broken alone, in a cluster of written objects: by code, how, and words of the cause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.doctor.cluster import (
    CUSTOM,
    LABELS,
    METRIC,
    NAMESPACE,
    OF_A_TARGET,
    FakeCluster,
    api_service,
    node,
    pod,
    target,
)

GPU = "nvidia.com/gpu"


def gpu(cluster: FakeCluster, *nodes: Any) -> None:
    """The release asks for a GPU, and waits."""
    cluster.spec["containers"][0]["resources"]["limits"][GPU] = "1"
    cluster.lists["nodes"] = list(nodes)
    cluster.leave_unscheduled()


def refused(cluster: FakeCluster) -> None:
    cluster.lists["pods"].clear()
    cluster.deployment["status"] = {
        "readyReplicas": 0,
        "conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
                        "message": "pods are forbidden"}],
    }  # fmt: skip


def quota(cluster: FakeCluster) -> None:
    refused(cluster)
    status = {"hard": {"requests.memory": "4Gi"}, "used": {"requests.memory": "3.5Gi"}}
    cluster.lists["resourcequotas"] = [{"metadata": {"name": "team"}, "status": status}]


def pod_security(cluster: FakeCluster) -> None:
    refused(cluster)
    key = "pod-security.kubernetes.io/enforce"
    cluster.lists["namespaces"][0]["metadata"]["labels"][key] = "restricted"


def taken(cluster: FakeCluster) -> None:
    gpu(cluster, node("g1", **{GPU: "1"}))
    cluster.lists["pods of all namespaces"] = [
        cluster.pod, pod("trainer", node="g1", namespace="ml", **{GPU: "1"})
    ]  # fmt: skip


def taint(cluster: FakeCluster) -> None:
    gpu(cluster, cluster.node, node("g1", taints=["gpu=only:NoSchedule"], **{GPU: "1"}))


def label(cluster: FakeCluster) -> None:
    cluster.spec["nodeSelector"] = {f"{GPU}.product": "NVIDIA-A10G"}
    product = {f"{GPU}.product": "NVIDIA-A10"}
    gpu(cluster, cluster.node, node("g1", labels=product, **{GPU: "1"}))


def cordoned(cluster: FakeCluster) -> None:
    cluster.node["spec"] = {
        "unschedulable": True,
        "taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}],
    }
    cluster.leave_unscheduled()


def too_large(cluster: FakeCluster) -> None:
    cluster.spec["containers"][0]["resources"]["requests"]["memory"] = "64Gi"
    cluster.leave_unscheduled()


def spread(cluster: FakeCluster) -> None:
    cluster.leave_unscheduled("0/1 nodes are available: 1 node(s) didn't match pod affinity")


def not_admitted(cluster: FakeCluster) -> None:
    cluster.deployment["status"]["readyReplicas"] = 0
    cluster.pod["status"] = {"phase": "Failed", "reason": "UnexpectedAdmissionError"}


def no_claim(cluster: FakeCluster) -> None:
    cluster.claim["metadata"]["name"] = "model"
    cluster.leave_unscheduled()


def no_class(cluster: FakeCluster) -> None:
    cluster.claim |= {"status": {"phase": "Pending"}}
    cluster.claim["spec"] |= {"storageClassName": "fast", "volumeName": ""}
    cluster.lists["storageclasses"] = [{"metadata": {"name": "standard"}}]
    cluster.leave_unscheduled()


def zone(cluster: FakeCluster) -> None:
    term = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a"]}
    required = {"nodeSelectorTerms": [{"matchExpressions": [term]}]}
    cluster.lists["persistentvolumes"][0]["spec"]["nodeAffinity"] = {"required": required}
    cluster.leave_unscheduled()


def attached_elsewhere(cluster: FakeCluster) -> None:
    cluster.claim["spec"]["accessModes"] = ["ReadWriteOnce"]
    cluster.lists["pods"].append(pod("sentiment-2", node="n2"))
    cluster.wait_for("ContainerCreating")
    cluster.event("FailedAttachVolume")


def not_mounted(cluster: FakeCluster) -> None:
    cluster.wait_for("ContainerCreating")
    cluster.event("FailedMount")


def monopolised(cluster: FakeCluster) -> None:
    other = {**cluster.autoscale(), "metadata": {"name": "older", "labels": {}}}
    cluster.lists["horizontalpodautoscalers"].append(other)


def ambiguous(cluster: FakeCluster) -> None:
    cluster.autoscale()["status"]["conditions"][1] |= {
        "status": "False", "reason": "AmbiguousSelector",
    }  # fmt: skip


def no_api(cluster: FakeCluster) -> None:
    cluster.autoscale()
    cluster.lists["apiservices"] = []


def api_down(cluster: FakeCluster) -> None:
    cluster.autoscale()
    cluster.lists["apiservices"] = [
        api_service("custom.metrics.k8s.io", available="False", reason="FailedDiscoveryCheck")
    ]


def api_unreachable(cluster: FakeCluster) -> None:
    """The API server has not noticed yet."""
    cluster.autoscale()
    cluster.answers[CUSTOM] = (503, {})
    cluster.answer_values({}, 503)


def no_rule(cluster: FakeCluster) -> None:
    cluster.autoscale()
    cluster.answers[CUSTOM] = (200, {"resources": [{"name": "pods/other"}]})
    cluster.answer_values({}, 404)


def no_prometheus(cluster: FakeCluster) -> None:
    cluster.autoscale()
    cluster.answer_values({}, 500, message="unable to fetch metrics")


def no_series(cluster: FakeCluster) -> None:
    cluster.autoscale()
    cluster.answer_values({})


def monitor(cluster: FakeCluster, **spec: Any) -> None:
    cluster.lists["podmonitors"] = [{"metadata": {"name": "sentiment", "labels": LABELS}}]
    meta = {"name": "main", "namespace": "monitoring"}
    cluster.lists["prometheuses"] = [{"metadata": meta, "spec": spec}]


def not_selected(cluster: FakeCluster) -> None:
    no_series(cluster)
    selector = {"matchLabels": {"release": "prometheus"}}
    monitor(cluster, podMonitorSelector=selector, podMonitorNamespaceSelector={})


def of_another_namespace(cluster: FakeCluster) -> None:
    monitor(cluster, podMonitorSelector={})


BUILD_INFO = 'longshore_build_info{job="pods",instance="10.1.0.1:8002"'
"""Begins the query for the series of the pod's target."""
RIGHT = 'namespace="prod",pod="sentiment-1"'


def not_scraped(cluster: FakeCluster) -> None:
    no_series(cluster)
    cluster.scrape(target(port=8000))


def target_down(cluster: FakeCluster) -> None:
    no_series(cluster)
    cluster.scrape(target(health="down", lastError="connection refused"))


def network_policy(cluster: FakeCluster, **rule: Any) -> None:
    """Of the chart, with a rule for the management port; Prometheus cannot connect."""
    target_down(cluster)
    ports = [{"port": "management", "protocol": "TCP"}]
    peers = [{"podSelector": {"matchLabels": {"a": "b"}}}]
    spec = {"podSelector": {"matchLabels": LABELS}, "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"ports": ports, "from": peers, **rule}]}  # fmt: skip
    meta = {"name": "sentiment", "namespace": NAMESPACE, "labels": LABELS}
    cluster.lists["networkpolicies"] = [{"metadata": meta, "spec": spec}]
    selector = {"app": "prometheus"}
    path = "/api/v1/namespaces/monitoring/services/prometheus"
    cluster.answers[path] = (200, {"spec": {"selector": selector}})
    found = pod("prometheus-0", namespace="monitoring")
    found["metadata"]["labels"] = selector
    found["status"]["podIP"] = "10.1.2.3"
    cluster.lists["pods of all namespaces"] = [*cluster.lists["pods"], found]


def no_labels(cluster: FakeCluster) -> None:
    no_series(cluster)
    cluster.scrape(target(labels={**OF_A_TARGET, "namespace": NAMESPACE}))


def changed_labels(cluster: FakeCluster) -> None:
    """The target has them, and its series do not."""
    no_series(cluster)
    cluster.scrape(target())
    cluster.store(f"{BUILD_INFO},{RIGHT}}}")
    cluster.store(
        f"{BUILD_INFO}}}", {"metric": {"namespace": NAMESPACE, "exported_pod": "sentiment-1"}}
    )


def labelled(cluster: FakeCluster) -> None:
    """Prometheus has the pod's series as they should be."""
    labels = {"namespace": NAMESPACE, "pod": "sentiment-1"}
    cluster.store(f"{BUILD_INFO},{RIGHT}}}", {"metric": labels})


def short_window(cluster: FakeCluster) -> None:
    no_series(cluster)
    cluster.scrape(target(scrapeInterval="1m"))
    labelled(cluster)


def dropped_series(cluster: FakeCluster) -> None:
    no_series(cluster)
    cluster.scrape(target())
    labelled(cluster)


def one_pod_missing(cluster: FakeCluster) -> None:
    cluster.autoscale()
    cluster.lists["pods"].append(pod("sentiment-2"))


def scaled_object(cluster: FakeCluster, **status: Any) -> None:
    spec = {"scaleTargetRef": {"name": "sentiment"}}
    cluster.lists["scaledobjects"] = [
        {"metadata": {"name": "sentiment"}, "spec": spec, "status": status}
    ]


def keda(cluster: FakeCluster) -> None:
    not_ready = {"type": "Ready", "status": "False", "reason": "ScaledObjectCheckFailed"}
    scaled_object(cluster, conditions=[not_ready])


def keda_trigger(cluster: FakeCluster) -> None:
    health = {"s0-prometheus": {"status": "Failing", "numberOfFailures": 4}}
    scaled_object(cluster, conditions=[{"type": "Ready", "status": "True"}], health=health)


def not_ready(cluster: FakeCluster) -> None:
    cluster.wait_for("")
    cluster.pod["status"]["phase"] = "Running"
    cluster.pod["status"]["containerStatuses"][0]["state"] = {"running": {}}
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/sentiment-1:8002/proxy/v2/health/ready"
    problem = "version 1 is not served: model.onnx: not an ONNX model"
    cluster.answers[path] = (503, {"ready": False, "state": "FAILED", "problems": [problem]})


def fewer(cluster: FakeCluster) -> None:
    cluster.deployment["spec"]["replicas"] = 3


BREAKS: list[tuple[str, Callable[[FakeCluster], None], str]] = [
    ("LS03", quota, "quota team leaves 512Mi of requests.memory (4Gi in all), and a pod of this "
                    "release takes 1Gi"),
    ("LS04", pod_security, "enforces the Pod Security Standard restricted"),
    ("LS04", refused, "an admission webhook or a missing object"),
    ("LS05", lambda c: gpu(c, c.node), "no node has nvidia.com/gpu to give (1 nodes)"),
    ("LS06", taken, "every nvidia.com/gpu that this release could have is taken: ml/trainer on g1"),
    ("LS07", taint, "every node with nvidia.com/gpu (g1) has a taint that this release does not "
                    "tolerate: gpu=only:NoSchedule"),
    ("LS08", label, "nodeSelector asks for nvidia.com/gpu.product=NVIDIA-A10G, and the nodes have "
                    "NVIDIA-A10"),
    ("LS09", cordoned, "the nodes that could take this release are cordoned: n1"),
    ("LS10", too_large, "a pod asks for 64Gi of memory, and of the nodes that it may go to the "
                        "largest, n1, has 16Gi"),
    ("LS11", not_admitted, "the kubelet of n1 refuses pod sentiment-1"),
    ("LS12", no_claim, "the claim models is not there; the namespace has model"),
    ("LS13", no_class, "asks for the storage class fast; the cluster has standard"),
    ("LS14", zone, "can be used where topology.kubernetes.io/zone In a, and no node"),
    ("LS15", attached_elsewhere, "can be mounted on one node at a time, and pods of this release "
                                 "are on n1 and n2"),
    ("LS16", not_mounted, "a volume of pod sentiment-1 cannot be mounted"),
    ("LS17", lambda c: c.wait_for("ImagePullBackOff"), "the image longshore:1 cannot be pulled"),
    ("LS18", lambda c: c.wait_for("CreateContainerConfigError"), "a key in one"),
    ("LS19", lambda c: c.end(reason="OOMKilled", code=137), "killed at its memory limit of 1Gi"),
    ("LS20", lambda c: c.end(code=2, message="port: not a number"), "ends with code 2: port: not"),
    ("LS21", lambda c: c.end(code=143, seconds=61), "after 61 s, before it was ready; its startup "
                                                    "probe allows 60 s"),
    ("LS22", not_ready, "is not ready: version 1 is not served: model.onnx: not an ONNX model"),
    ("LS23", monopolised, "the autoscalers older and sentiment change the count of the same"),
    ("LS23", ambiguous, "are those of another autoscaler, too"),
    ("LS24", no_api, f"nothing answers for {METRIC}: the cluster has no API custom.metrics"),
    ("LS24", api_down, "the API custom.metrics.k8s.io does not answer"),
    ("LS24", api_unreachable, "the API custom.metrics.k8s.io does not answer"),
    ("LS25", no_rule, f"the metrics API does not know {METRIC}"),
    ("LS26", no_prometheus, f"prometheus-adapter cannot read {METRIC} from Prometheus"),
    ("LS27", no_series, f"{METRIC} has no value for any pod of this release"),
    ("LS28", not_selected, "no Prometheus selects the podmonitor sentiment (monitoring/main)"),
    ("LS28", of_another_namespace, "no Prometheus selects the podmonitor sentiment"),
    ("LS27", dropped_series, "Prometheus scrapes them with the right labels, so it lacks this"),
    ("LS29", not_scraped, "Prometheus (monitoring/prometheus:9090) has no target for port 8002 of "
                          "pod sentiment-1; it scrapes http://10.1.0.1:8000/metrics"),
    ("LS29", target_down, "cannot scrape pod sentiment-1 at http://10.1.0.1:8002/metrics: "
                          "connection refused"),
    ("LS30", network_policy, "the NetworkPolicies of the pods (sentiment) do not let Prometheus "
                             "(monitoring/prometheus-0) in to port 8002"),
    ("LS31", no_labels, "the series of pod sentiment-1 should have pod=sentiment-1 in Prometheus, "
                        "and have no such label"),
    ("LS31", changed_labels, "and have no such label (exported_pod instead)"),
    ("LS32", short_window, "pod sentiment-1 is scraped every 60 s, and the shipped rules have a "
                           "window of 60 s, which needs 4 scrapes"),
    ("LS33", keda, "KEDA cannot scale by the ScaledObject sentiment (ScaledObjectCheckFailed)"),
    ("LS33", keda_trigger, "KEDA gets no value of s0-prometheus from Prometheus"),
    ("LS34", one_pod_missing, "sentiment-2 has no value of longshore_requests_per_second"),
    ("LS35", spread, "the scheduler found no node for pod sentiment-1 when it tried last"),
    ("LS36", fewer, "1 of 3 pods are ready"),
]  # fmt: skip
