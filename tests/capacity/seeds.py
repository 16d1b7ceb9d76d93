"""The knee by 100 seeds of every known pod: `python -m tests.capacity.seeds` (10 minutes)."""

from __future__ import annotations

import sys

import numpy as np

from longshore_k8s.capacity.search import KneeSearch
from tests.capacity.pods import KNOWN

SEEDS = 100


def main() -> None:
    for name, known in KNOWN.items():
        errors, spent, bisected = [], [], 0
        for seed in range(int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS):
            scale = 1 + 0.06 * np.random.default_rng(seed).standard_normal()
            pod = known.pod(seed)
            knee = KneeSearch(pod, known.model(scale), known.objective).find()
            errors.append(100 * (knee.rate / known.knee - 1))
            spent.append(pod.spent)
            bisected += bool(knee.doubts)
        low, middle, high = np.percentile(errors, (5, 50, 95))
        inside = sum(abs(error) <= 5 for error in errors)
        print(
            f"{name:5} knee {known.knee:8.1f}/s: {inside} of {len(errors)} within 5 %, "
            f"error {low:+.1f} .. {middle:+.1f} .. {high:+.1f} %, {np.mean(spent):.0f} s of load, "
            f"{bisected} by bisection",
            flush=True,
        )


if __name__ == "__main__":
    main()
