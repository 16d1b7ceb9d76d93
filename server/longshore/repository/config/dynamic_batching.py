"""`dynamic_batching`, its queue policy included."""

from __future__ import annotations

from longshore.repository.config_node import ConfigNode
from longshore.repository.model_config import DynamicBatching, QueuePolicy

KEYS = ("preferred_batch_size", "max_queue_delay_microseconds", "default_queue_policy")
UNSUPPORTED = {
    "preserve_ordering": "every answer belongs to its own request",
    "priority_levels": "requests are equal, and run in the order of their arrival",
    "default_priority_level": "requests are equal, and run in the order of their arrival",
    "priority_queue_policy": "requests are equal, and run in the order of their arrival",
}
QUEUE_POLICY_KEYS = ("max_queue_size", "default_timeout_microseconds", "timeout_action")
UNSUPPORTED_QUEUE_POLICY = {
    "allow_timeout_override": "a request may always shorten its own deadline",
}


def read(node: ConfigNode | None) -> DynamicBatching:
    if node is None:
        return DynamicBatching()
    keys = node.section(KEYS, unsupported=UNSUPPORTED)
    preferred = keys.get("preferred_batch_size")
    return DynamicBatching(
        preferred_batch_size=() if preferred is None else preferred.ascending(),
        max_queue_delay_seconds=_seconds(keys.get("max_queue_delay_microseconds")),
        default_queue_policy=_queue_policy(keys.get("default_queue_policy")),
    )


def _queue_policy(node: ConfigNode | None) -> QueuePolicy:
    if node is None:
        return QueuePolicy()
    keys = node.section(QUEUE_POLICY_KEYS, unsupported=UNSUPPORTED_QUEUE_POLICY)
    if "timeout_action" in keys:
        keys["timeout_action"].choice(("REJECT",))
    size = keys.get("max_queue_size")
    return QueuePolicy(
        max_queue_size=0 if size is None else size.integer(minimum=0, maximum=2**31 - 1),
        default_timeout_seconds=_seconds(keys.get("default_timeout_microseconds")),
    )


def _seconds(microseconds: ConfigNode | None) -> float:
    return 0.0 if microseconds is None else microseconds.integer(minimum=0) / 1e6
