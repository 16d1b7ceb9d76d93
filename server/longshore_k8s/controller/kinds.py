"""The kinds of objects that a resource may have: no others are applied."""

from __future__ import annotations

from dataclasses import dataclass

from longshore_k8s.controller import resource


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of the Kubernetes API, in one version."""

    api_version: str
    name: str
    plural: str
    is_optional: bool = False
    """Whether a cluster may lack it: it comes with a project of its own."""

    @property
    def group_path(self) -> str:
        """Where the API server lists the kinds of this group and version."""
        root = "/apis" if "/" in self.api_version else "/api"
        return f"{root}/{self.api_version}"

    def path(self, namespace: str | None, name: str = "") -> str:
        """Of the objects in a namespace, in all of them (`None`), or of one object."""
        place = f"/namespaces/{namespace}" if namespace is not None else ""
        return f"{self.group_path}{place}/{self.plural}" + (f"/{name}" if name else "")


MODEL = Kind(resource.API_VERSION, resource.KIND, resource.PLURAL)
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
JOB = Kind("batch/v1", "Job", "jobs")
SERVICE = Kind("v1", "Service", "services")
HTTP_ROUTE = Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", is_optional=True)

OWNED = (
    Kind("v1", "ServiceAccount", "serviceaccounts"),
    Kind("v1", "ConfigMap", "configmaps"),
    CLAIM,
    SERVICE,
    Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    JOB,
    DEPLOYMENT,
    Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    Kind("keda.sh/v1alpha1", "ScaledObject", "scaledobjects", is_optional=True),
    Kind("networking.k8s.io/v1", "Ingress", "ingresses"),
    HTTP_ROUTE,
    Kind("monitoring.coreos.com/v1", "PodMonitor", "podmonitors", is_optional=True),
    Kind("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors", is_optional=True),
    Kind("monitoring.coreos.com/v1", "PrometheusRule", "prometheusrules", is_optional=True),
)
"""In the order in which they are applied: what a pod needs comes before the Deployment, and what
scales it or sends it traffic after."""

READ_WHOLE = (DEPLOYMENT, JOB, HTTP_ROUTE)
"""Those whose status matters; of the others the metadata says all."""
BY_NAME = {kind.name: kind for kind in OWNED}
ALWAYS_THERE = frozenset(kind.name for kind in OWNED if not kind.is_optional)
