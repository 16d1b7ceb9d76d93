"""The life of pods: Pending, Running, Ready, deleted, gone; as a Deployment makes and removes them.

Times are integers in milliseconds. Rows are simulated clusters; a pod has a slot in its row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longshore_k8s.replay.pods import Counts, Flags, Phase, Pods

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Life:
    """How long a pod takes, in milliseconds."""

    pending: int
    """Until its container runs: scheduling, pulling the image."""
    starting: int
    """From there until it is Ready."""
    drain: int
    """From its deletion until it is gone."""


class Fleet:
    """All pods of all rows."""

    def __init__(self, rows: int, slots: int, life: Life, *, kept_ms: int) -> None:
        """A slot is used again `kept_ms` after its pod has gone: until then it has samples."""
        shape = (rows, slots)
        self._life = life
        self._kept_ms = kept_ms
        self.exists = np.zeros(shape, bool)
        self.deleted = np.zeros(shape, bool)
        self.created = np.zeros(shape, np.int64)
        self.running_at = np.full(shape, NEVER)
        self.ready_at = np.full(shape, NEVER)
        self.gone_at = np.full(shape, NEVER)
        self._free_at = np.zeros(shape, np.int64)
        self.width = 1
        """Slots beyond this one have never been used."""

    @property
    def live(self) -> Counts:
        """`status.replicas`: pods that are not being deleted."""
        live: Counts = (self.exists & ~self.deleted).sum(axis=1)
        return live

    def running(self, now: int) -> Flags:
        """Processes that serve or drain."""
        running: Flags = self.exists[:, : self.width] & (self.running_at[:, : self.width] <= now)
        return running

    def ready(self, now: int) -> Flags:
        """What a Service sends requests to."""
        width = self.width
        ready: Flags = (
            self.exists[:, :width] & ~self.deleted[:, :width] & (self.ready_at[:, :width] <= now)
        )
        return ready

    def pods(self, now: int) -> Pods:
        """As the controller lists them."""
        width = self.width
        phase = np.where(self.running_at[:, :width] <= now, Phase.RUNNING, Phase.PENDING)
        is_ready = self.ready_at[:, :width] <= now
        return Pods(
            self.exists[:, :width], self.deleted[:, :width], phase.astype(np.int8), is_ready
        )

    def remove_gone(self, now: int) -> None:
        """Pods whose drain has ended."""
        self.exists &= self.gone_at > now

    def create(self, row: int, count: int, now: int, *, is_old: bool = False) -> list[int]:
        """New pods; gives their slots. `is_old` makes pods that are Ready already."""
        free = np.flatnonzero(~self.exists[row] & (self._free_at[row] <= now))
        if len(free) < count:
            waiting = np.flatnonzero(~self.exists[row])
            free = waiting[np.argsort(self._free_at[row, waiting], kind="stable")]
        slots = free[:count]
        running = now if is_old else now + self._life.pending
        self.exists[row, slots] = True
        self.deleted[row, slots] = False
        self.created[row, slots] = now
        self.running_at[row, slots] = running
        self.ready_at[row, slots] = running if is_old else running + self._life.starting
        self.gone_at[row, slots] = NEVER
        if slots.size:
            self.width = max(self.width, int(slots.max()) + 1)
        return [int(slot) for slot in slots]

    def delete(self, row: int, count: int, now: int) -> list[int]:
        """As a ReplicaSet chooses: Pending before Running, not Ready before Ready, then young."""
        slots = np.flatnonzero(self.exists[row] & ~self.deleted[row])
        order = np.lexsort(
            (
                -self.created[row, slots],
                self.ready_at[row, slots] <= now,
                self.running_at[row, slots] <= now,
            )
        )
        chosen = slots[order][:count]
        ran = self.running_at[row, chosen] <= now
        self.deleted[row, chosen] = True
        self.gone_at[row, chosen] = np.where(ran, now + self._life.drain, now + 1)
        self._free_at[row, chosen] = self.gone_at[row, chosen] + self._kept_ms
        return [int(slot) for slot in chosen]
