"""What a pod carries by the cost of its batches, where nobody has measured it under load.

HTTP and JSON are not in a calibration, so this is an upper bound that a cheap model does not reach.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from longshore.errors import SettingsError
from longshore.loading.records.calibration_record import CalibrationRecord
from longshore_k8s.capacity.knee import KneeTable
from longshore_k8s.capacity.objective import Objective
from longshore_k8s.capacity.pod_model import pod_model

REQUESTS = 20_000
"""At each rate that is simulated."""


def calibrated_pod(path: Path, objective: Objective) -> dict[str, Any]:
    """Knee, highest rate and idle latency, by a file that `longshore calibrate` wrote; for requests
    of one row each.

    Raises:
        SettingsError: it is no such file, holds no cost, or the objective cannot be kept.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        plan = CalibrationRecord.of_content(document["record"]).plan
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"--calibration: {path} is no calibration: {error!r}") from error
    if plan.cost is None:
        raise SettingsError(f"--calibration: {path} has no cost: nothing could be measured")
    model = pod_model(plan.cost, max_rows=plan.max_batch_size, rows=1, instances=plan.instances)
    knee = KneeTable(model, objective, requests=REQUESTS).rate()
    idle = model.execution_seconds[0]
    if not knee:
        raise SettingsError(
            f"--slo: {objective} cannot be kept: an execution of one row takes {idle:g} s"
        )
    return {"knee": knee, "burst_rate": model.capacity, "idle_seconds": idle}
