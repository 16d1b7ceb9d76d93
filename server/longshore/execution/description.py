"""What the server decided about a model, for the `parameters` of its metadata."""

from __future__ import annotations

from typing import Any

from longshore.backends.base import Backend
from longshore.errors import DeviceLost
from longshore.loading.plan import ExecutionPlan


class ModelDescription:
    """Made once at load, because asking a driver may hang and no client must wait for it."""

    def __init__(self, plan: ExecutionPlan, backend: Backend) -> None:
        self._plan = plan
        self._backend = backend
        self._device_facts = _device_facts(backend)

    def document(self, *, max_rows: int, memory_notes: tuple[str, ...]) -> dict[str, Any]:
        """`max_rows` is the limit in force, lower than the plan's after a lack of memory."""
        plan = self._plan
        document: dict[str, Any] = {
            **self._device_facts,
            **self._backend.describe(),
            "batched": plan.is_batched,
            "max_batch_size": max_rows if plan.is_batched else 0,
            "instances": plan.instances,
            "threads": plan.threads,
            "wide_threads": 0 if plan.wide is None else plan.wide.threads,
            "inline": plan.is_inline,
            "calibration": plan.source,
            "notes": [
                *plan.notes,
                *memory_notes,
                *(f"not served: {part}" for part in self._backend.signature.left_out),
            ],
        }
        if plan.cost is not None:
            points = plan.cost.points
            document["cost_seconds_by_rows"] = {str(rows): seconds for rows, seconds in points}
        return document


def _device_facts(backend: Backend) -> dict[str, Any]:
    device = backend.device
    if device.kind == "cpu":
        return {"device": "cpu"}
    try:
        identity, memory = backend.device_identity(), backend.device_memory()
    except DeviceLost as error:  # health tells it to all who ask
        return {"device": str(device), "device_memory_when_loaded": str(error)}
    return {
        "device": str(device),
        "device_name": "" if identity is None else identity.name,
        "device_memory_when_loaded": str(memory or ""),
        "precision": device.options.precision,
        "compiled": device.options.compiles,
    }
