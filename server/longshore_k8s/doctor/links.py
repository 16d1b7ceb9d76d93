"""Every link, in the order in which each hangs on those before it."""

from __future__ import annotations

from longshore_k8s.doctor.rules import (
    adapter_cut_off,
    adapter_rule_absent,
    autoscaler_idle,
    claim_absent,
    claim_not_bound,
    container_not_made,
    device_absent,
    device_refused,
    devices_taken,
    image_not_pulled,
    keda_failing,
    label_absent,
    labels_absent,
    metrics_api_down,
    monitor_not_selected,
    network_policy_closed,
    no_node_found,
    node_closed,
    out_of_memory,
    pod_not_ready,
    pods_missing,
    pods_refused,
    quota_exceeded,
    rights_missing,
    server_ended,
    startup_too_short,
    taint_not_tolerated,
    target_down,
    too_little_room,
    value_of_a_pod_absent,
    values_absent,
    values_refused,
    volume_elsewhere,
    volume_not_attached,
    volume_not_mounted,
    window_too_short,
)

_MODULES = (
    rights_missing,
    values_refused,
    quota_exceeded,
    pods_refused,
    device_absent,
    devices_taken,
    taint_not_tolerated,
    label_absent,
    node_closed,
    too_little_room,
    claim_absent,
    claim_not_bound,
    volume_elsewhere,
    no_node_found,
    volume_not_attached,
    volume_not_mounted,
    device_refused,
    image_not_pulled,
    container_not_made,
    out_of_memory,
    startup_too_short,
    server_ended,
    pod_not_ready,
    pods_missing,
    autoscaler_idle,
    metrics_api_down,
    monitor_not_selected,
    network_policy_closed,
    target_down,
    labels_absent,
    window_too_short,
    adapter_rule_absent,
    adapter_cut_off,
    values_absent,
    keda_failing,
    value_of_a_pod_absent,
)
"""A code says nothing of the place: what explains another link stands before it, and what tells the
rest behind those that it is the rest of.
"""
LINKS = tuple(module.RULE for module in _MODULES)
TO_READY_PODS = LINKS[: LINKS.index(pods_missing.RULE)]
"""Those that a pod hangs on until it is ready."""
PLANNED = tuple(rule for rule in LINKS if rule.before_install)
"""Those that can be judged before an install."""
