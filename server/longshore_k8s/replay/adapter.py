"""What an HPA reads through prometheus-adapter: a value for each pod, cut off at thousandths."""

from __future__ import annotations

import numpy as np

from longshore_k8s.replay.pods import Counts, Ratios


def pod_values(rates: Ratios) -> Counts:
    """`resource.NewMilliQuantity(int64(value*1000.0))` of prometheus-adapter 0.12."""
    values: Counts = np.trunc(rates * 1000.0).astype(np.int64)
    return values
