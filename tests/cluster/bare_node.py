"""What a node of 64 CPUs would give a container, without a cluster."""

from __future__ import annotations

from typing import cast

from tests.cluster.node_agent.api import Api, Json
from tests.cluster.node_agent.environment import EnvironmentBuilder
from tests.cluster.node_agent.settings import NodeSettings

NODE = NodeSettings(
    name="node",
    cluster="none",
    address="10.0.0.2",
    pod_cidr="10.1.0.0/24",
    kubeconfig="",
    certificate="",
    certificate_key="",
    run_directory="",
    capacity={"cpu": "64", "memory": "8Gi"},
)


def variables(container: Json) -> dict[str, str]:
    """The environment of a container none of whose variables is from a ConfigMap or a Secret."""
    pod: Json = {"metadata": {"name": "pod"}, "spec": {"containers": [container]}}
    builder = EnvironmentBuilder(cast(Api, None), NODE, pod, pod_ip="10.1.0.2")
    return builder.build(container, [])
