"""`instance_group`."""

from __future__ import annotations

from typing import Literal, cast

from longshore.repository.config_node import ConfigNode
from longshore.repository.model_config import InstanceGroup

KEYS = ("count", "kind", "gpus")
KINDS = ("KIND_AUTO", "KIND_CPU", "KIND_GPU")
UNSUPPORTED = {
    "name": "there is one group, it needs no name",
    "profile": "TensorRT is not served",
    "passive": "every instance serves",
    "rate_limiter": "the queue is bounded by the measured cost instead",
    "host_policy": "place pods with the chart's node selectors",
    "secondary_devices": "one instance runs on one device",
}


def read(node: ConfigNode | None) -> InstanceGroup:
    """Triton writes a list; a single group may stand without one."""
    if node is None:
        return InstanceGroup()
    if isinstance(node.value, list):
        groups = node.items()
        if len(groups) != 1:
            raise node.error(f"found {len(groups)} groups, allowed: one")
        node = groups[0]
    keys = node.section(KEYS, unsupported=UNSUPPORTED)
    kind = keys["kind"].choice(KINDS) if "kind" in keys else "KIND_AUTO"
    return InstanceGroup(
        count=keys["count"].integer(minimum=1, maximum=1024) if "count" in keys else None,
        kind=cast("Literal['KIND_AUTO', 'KIND_CPU', 'KIND_GPU']", kind),
        gpus=() if "gpus" not in keys else _gpus(keys["gpus"], kind),
    )


def _gpus(node: ConfigNode, kind: str) -> tuple[int, ...]:
    gpus = tuple(item.integer(minimum=0, maximum=1023) for item in node.items())
    if gpus and kind == "KIND_CPU":
        raise node.error("found GPUs for KIND_CPU, allowed: none")
    if len(set(gpus)) != len(gpus):
        raise node.unexpected("each GPU once")
    return gpus
