"""When a trial may use a CPU beside clients' work, where its priority does not settle that.

A priority orders threads that wait for the same CPU. A quota is used up by all threads of the
container together, on whatever CPU, and then holds all of them back until its next period: what the
trial takes is missing to the server whatever its priority. So the child is stopped and continued:
it may use what of the quota the server cannot use any more before the period ends, and a little in
any case, because a trial has to end.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct

from longshore.child_process import cpu_seconds_of
from longshore.cpu.quota import Quota
from longshore.cpu.spare_quota import WORTH_SECONDS, SpareQuota

LEAST_SHARE = 0.05
"""Of the CPUs that the server has, however busy it is."""
BLIND_SHARE = 0.15
"""In place of it where the kernel does not count the periods of a quota."""
BURST_SECONDS = 0.005
"""Of CPU in a row, of that share."""
MOST_SAVED_SECONDS = 0.02
"""Of CPU, while the child has no use for it; as much may it be in debt."""
NOTHING = -1.0
"""To spare."""
RUNNING_TICK_SECONDS, STOPPED_TICK_SECONDS, LEAST_TICK_SECONDS = 0.003, 0.05, 0.001


class SharedCpus(Struct, frozen=True):
    """Those of a server whose clients do not wait for a trial."""

    cpus: float
    quota: Quota | None
    """Where one binds."""
    most_cpus: float
    """That the server can use at once."""

    def pace(self, pid: int, *, is_starved: bool) -> Pace | None:
        """Of the child `pid`; `None` where its priority says enough, unless that `is_starved`."""
        if self.quota is None:
            return Pace(pid, LEAST_SHARE * self.cpus) if is_starved else None
        if self.quota.periods() is None:
            return Pace(pid, BLIND_SHARE * self.cpus)
        return Pace(pid, LEAST_SHARE * self.cpus, SpareQuota(self.quota, self.most_cpus))


class Pace:
    """Of the child `pid`, which runs until the first `tick`; it has `least_cpus`, and what is to
    `spare`.
    """

    def __init__(
        self,
        pid: int,
        least_cpus: float,
        spare: SpareQuota | None = None,
        *,
        own_seconds: Callable[[], float] = time.process_time,
        child_seconds: Callable[[int], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
        send: Callable[[int, int], None] = os.kill,
    ) -> None:
        self._pid = pid
        self._least_cpus = least_cpus
        self._spare = spare
        self._own_seconds = own_seconds
        self._child_seconds = child_seconds or cpu_seconds_of
        self._clock = clock
        self._send = send
        self._is_stopped = False
        self._earned = BURST_SECONDS
        """CPU seconds of its least share that it has not used."""
        self._last = (clock(), self._child_seconds(pid))

    def tick(self) -> float:
        """Stop the child or let it go on; the seconds after which to do so again."""
        now, child = self._clock(), self._child_seconds(self._pid)
        (last, last_child), self._last = self._last, (now, child)
        earned = self._earned + self._least_cpus * (now - last) - (child - last_child)
        self._earned = min(max(earned, -MOST_SAVED_SECONDS), MOST_SAVED_SECONDS)
        spare, until = NOTHING, STOPPED_TICK_SECONDS
        if self._spare is not None:
            found = self._spare.look(now, self._own_seconds() + child)
            spare, until = found or (NOTHING, RUNNING_TICK_SECONDS)
        goes_on = not self._is_stopped
        may_run = spare >= (0.0 if goes_on else WORTH_SECONDS)
        self._stop(not may_run and self._earned < (0.0 if goes_on else BURST_SECONDS))
        if self._is_stopped:
            earning = (BURST_SECONDS - self._earned) / self._least_cpus
            wait = min(until, earning, STOPPED_TICK_SECONDS)
        else:
            wait = min(until, RUNNING_TICK_SECONDS)
        return max(wait, LEAST_TICK_SECONDS)

    def _stop(self, is_stopped: bool) -> None:
        if is_stopped == self._is_stopped:
            return
        with suppress(ProcessLookupError):
            self._send(self._pid, signal.SIGSTOP if is_stopped else signal.SIGCONT)
        self._is_stopped = is_stopped
