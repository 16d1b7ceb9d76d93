"""What an HPA reads through KEDA: one sum for the release, rounded to thousandths."""

from __future__ import annotations

import numpy as np

from longshore_k8s.replay.pods import Counts, Ratios


def external_values(sums: Ratios) -> Counts:
    """`fmt.Sprintf("%.3f")` of KEDA's `GenerateMetricInMili` rounds the exact decimal; a product by
    1000 would be rounded twice.
    """
    return np.array([int(f"{value:.3f}".replace(".", "")) for value in sums], np.int64)
