"""How many pods of a canary give which share of the requests, or bear it.

Behind one Service each pod gets as many new connections as any other, so shares are of pods. By the
weights of a route shares are what they are, and pods follow from them.
"""

from __future__ import annotations


def canary_pods(stable_pods: int, weight_percent: int) -> int:
    """Beside `stable_pods`, as near to the weight as whole pods come, and at least one; none where
    stable has none. It follows stable when that is scaled."""
    if stable_pods <= 0:
        return 0
    asked = stable_pods * weight_percent / (100 - weight_percent)
    return max(1, int(asked + 0.5))


def bearing_pods(stable_pods: int, weight_percent: int) -> int:
    """Of a canary that gets that share whatever their number is: so many that none of them gets
    more than a pod of stable. Rounded down, a lone pod could have half as much again, and fail
    where stable does not."""
    return -(-stable_pods * weight_percent // (100 - weight_percent))


def true_share(stable_ready: int, canary_ready: int) -> float:
    """From 0 to 1; beside one pod of stable a canary has half."""
    whole = stable_ready + canary_ready
    return canary_ready / whole if whole else 0.0


def least_pods(minimum: int, current: int) -> int:
    """The minimum of stable's autoscaler in a rollout: it may scale up, and not down, because a
    rollback gives stable all of the load at once."""
    return max(minimum, current)
