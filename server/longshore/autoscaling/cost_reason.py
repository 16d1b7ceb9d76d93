"""Why executions take longer or shorter than they were calibrated to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from longshore.cpu.throttling import throttled_seconds
from longshore.execution.model import Model
from longshore.metrics import COST_REASONS, ServerMetrics

logger = logging.getLogger(__name__)

EXPECTED = (0.8, 1.25)
"""Cost factors that need no reason."""
THROTTLED_SHARE = 0.05
"""Of a CPU: held back for longer than this, the quota is the reason."""
LOG_SECONDS = 60.0
"""Between two lines at least: a factor near a bound comes and goes."""


class CostReasons:
    """Shows a reason for each model whose cost factor is not as expected; used on the event loop
    only.
    """

    def __init__(
        self,
        metrics: ServerMetrics,
        *,
        clock: Callable[[], float] = time.monotonic,
        throttled_seconds: Callable[[], float] = throttled_seconds,
    ) -> None:
        self._metrics = metrics
        self._clock = clock
        self._throttled_seconds = throttled_seconds
        self._last_throttled: tuple[float, float] | None = None
        self._shown: dict[tuple[str, str], str] = {}
        self._next_line = float("-inf")

    def show(self, models: list[Model], cpu_factor: float) -> None:
        """Called at a steady interval. `cpu_factor` says how much more CPU time executions take
        than expected, wherever they run.
        """
        if all(EXPECTED[0] <= model.cost.factor <= EXPECTED[1] for model in models):
            self._last_throttled = None
            throttled = 0.0
        else:
            throttled = self._throttled_share()
        for model in models:
            self._show(model, reason(model.cost.factor, cpu_factor, throttled))

    def _throttled_share(self) -> float:
        """CPUs that were held back since the last call; 0 on the first of several in a row."""
        now, last = (self._clock(), self._throttled_seconds()), self._last_throttled
        self._last_throttled = now
        if last is None or now[0] <= last[0]:
            return 0.0
        return (now[1] - last[1]) / (now[0] - last[0])

    def _show(self, model: Model, found: str) -> None:
        key = (model.name, model.version)
        if found == self._shown.get(key, ""):
            return
        self._shown[key] = found
        for each in COST_REASONS:
            self._metrics.cost_reason.labels(*key, each).set(float(each == found))
        if found and self._clock() >= self._next_line:
            self._next_line = self._clock() + LOG_SECONDS
            logger.info(
                "executions do not take what was calibrated: name=%s version=%s factor=%.2f "
                "reason=%s", *key, model.cost.factor, found,
            )  # fmt: skip


def reason(factor: float, cpu_factor: float, throttled_share: float) -> str:
    """One of `metrics.COST_REASONS`; empty for a factor that is as expected."""
    if EXPECTED[0] <= factor <= EXPECTED[1]:
        return ""
    if factor < EXPECTED[0]:
        return "faster"
    if throttled_share > THROTTLED_SHARE:
        return "throttled"
    return "slower" if cpu_factor > EXPECTED[1] else "contended"
