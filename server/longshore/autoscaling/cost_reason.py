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
        cpus: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        throttled_seconds: Callable[[], float] = throttled_seconds,
    ) -> None:
        """`cpus` is what the plans were made for."""
        self._metrics = metrics
        self._cpus = cpus
        self._clock = clock
        self._throttled_seconds = throttled_seconds
        self._last_throttled: tuple[float, float] | None = None
        self._shown: dict[tuple[str, str], str] = {}
        """By name and version."""
        self._next_line = float("-inf")

    def show(self, models: list[Model], cpu_seconds: float) -> None:
        """Called at a steady interval; a model without a calibration has nothing to compare with,
        and one that is gone no reason. `cpu_seconds` are those of all threads but the event loop's
        for each second that executions should take.
        """
        calibrated = [model for model in models if model.plan.cost is not None]
        if all(EXPECTED[0] <= model.cost.factor <= EXPECTED[1] for model in calibrated):
            self._last_throttled = None
            throttled = 0.0
        else:
            throttled = self._throttled_share()
        for key in self._shown.keys() - {(model.name, model.version) for model in calibrated}:
            self._set(key, "")
        for model in calibrated:
            self._show(model, self._reason(model, cpu_seconds, throttled))

    def _reason(self, model: Model, cpu_seconds: float, throttled_share: float) -> str:
        plan, factor = model.plan, model.cost.factor
        at_once = plan.instances * plan.threads
        threads_at_work = plan.threads * min(1.0, self._cpus / at_once)
        return reason(
            factor,
            factor if plan.is_inline else cpu_seconds / threads_at_work,
            throttled_share,
            is_fraction=at_once > self._cpus,
        )

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
        self._set(key, found)
        if found and self._clock() >= self._next_line:
            self._next_line = self._clock() + LOG_SECONDS
            logger.info(
                "executions do not take what was calibrated: name=%s version=%s factor=%.2f "
                "reason=%s", *key, model.cost.factor, found,
            )  # fmt: skip

    def _set(self, key: tuple[str, str], found: str) -> None:
        for each in COST_REASONS:
            self._metrics.cost_reason.labels(*key, each).set(float(each == found))
        if found:
            self._shown[key] = found
        else:
            self._shown.pop(key, None)


def reason(factor: float, cpu_factor: float, throttled_share: float, *, is_fraction: bool) -> str:
    """One of `metrics.COST_REASONS`; empty for a factor that is as expected. `cpu_factor` compares
    CPU time as `factor` does wall-clock time; `is_fraction` says that there are fewer CPUs than the
    plan can keep busy.
    """
    if EXPECTED[0] <= factor <= EXPECTED[1]:
        return ""
    if factor < EXPECTED[0]:
        return "bursting" if is_fraction else "faster"
    if throttled_share > THROTTLED_SHARE:
        return "throttled"
    return "slower" if cpu_factor > EXPECTED[1] else "contended"
