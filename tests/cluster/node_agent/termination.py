"""The end of a container: preStop, SIGTERM, the grace period, SIGKILL."""

from __future__ import annotations

import http.client
import logging
import time

from tests.cluster.node_agent import probes
from tests.cluster.node_agent.api import Json
from tests.cluster.node_agent.container import Container

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.05
OVERRUN_SECONDS = 2.0
"""What a container still gets after a preStop hook that used up the whole grace period."""


def terminate(container: Container, *, pod_ip: str, grace_seconds: float) -> None:
    """Ask the container to end and see to it that it has by the end of its grace period.

    The caller goes on reaping: this returns once the process is gone or was sent SIGKILL.
    """
    deadline = time.monotonic() + grace_seconds
    hook = (container.spec.get("lifecycle") or {}).get("preStop")
    if hook and grace_seconds > 0:
        _pre_stop(hook, container, pod_ip, deadline - time.monotonic())
        deadline = max(deadline, time.monotonic() + OVERRUN_SECONDS)
    while not container.signal("TERM") and time.monotonic() < deadline:
        if container.ended.wait(RETRY_SECONDS):
            return
    if not container.ended.wait(max(0.0, deadline - time.monotonic())):
        logger.info("grace period is over, killing id=%s", container.id)
        container.signal("KILL")


def _pre_stop(hook: Json, container: Container, pod_ip: str, budget_seconds: float) -> None:
    if "sleep" in hook:
        container.ended.wait(min(budget_seconds, hook["sleep"]["seconds"]))
    elif "exec" in hook:
        container.execute(hook["exec"]["command"], budget_seconds)
    else:
        try:
            probes.http_get(hook["httpGet"], container, pod_ip, budget_seconds)
        except (OSError, http.client.HTTPException) as error:
            logger.info("preStop hook failed id=%s error=%r", container.id, error)
