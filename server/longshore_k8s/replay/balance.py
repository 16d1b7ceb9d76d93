"""How a Service spreads requests over pods: kept connections move slowly, lost ones at once."""

from __future__ import annotations

from math import exp

import numpy as np

from longshore_k8s.replay.pods import Flags, Ratios


class Balance:
    """Each pod's share of its row's requests: rows x slots."""

    def __init__(self, rows: int, slots: int, *, connection_seconds: float) -> None:
        """Clients keep a connection for `connection_seconds` on average; 0 where each request is
        balanced anew.
        """
        self.shares = np.zeros((rows, slots))
        self._seconds = connection_seconds

    def step(self, ready: Flags, growth: Ratios, seconds: float) -> Ratios:
        """The shares for the next `seconds`; zero in rows without a pod that is Ready.

        `growth` is the part of each row's requests that comes on new connections.
        """
        width = ready.shape[1]
        even: Ratios = ready / np.maximum(ready.sum(axis=1, keepdims=True), 1)
        if not self._seconds:
            return even
        kept = self.shares[:, :width] * ready
        total = kept.sum(axis=1, keepdims=True)
        kept = np.where(total > 0, kept / np.where(total > 0, total, 1.0), even)
        moved = 1 - exp(-seconds / self._seconds) * (1 - growth[:, None])
        shares: Ratios = kept + (even - kept) * moved
        self.shares[:, :width] = shares
        return shares
