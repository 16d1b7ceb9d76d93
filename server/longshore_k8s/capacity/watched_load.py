"""Loads of a pod, with what it said of itself meanwhile, and what each step gave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from longshore_k8s.capacity.client_process import Address, ClientProcess
from longshore_k8s.capacity.noise import BUSY_CORES, noise_sentence
from longshore_k8s.capacity.objective import Objective
from longshore_k8s.capacity.rate_text import rate_text
from longshore_k8s.capacity.readings import Change, Readings
from longshore_k8s.capacity.served_model import ServedModel
from longshore_k8s.capacity.step import Step
from longshore_k8s.capacity.unsound import UnsoundError

PATIENCE_SECONDS = 35.0
"""After the last request of a load: the server's deadline, and some."""
TRIES = 3


class Pod(Protocol):
    """A server under test, somewhere."""

    @property
    def model(self) -> ServedModel: ...

    @property
    def address(self) -> Address: ...

    @property
    def management(self) -> Address: ...

    def working_set(self) -> int | None: ...

    def cpu_seconds(self) -> float | None:
        """Of the server so far; `None` where nobody counts."""

    def busy_seconds(self) -> float | None:
        """CPU seconds so far of everything on its cores; `None` where nobody can look."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One step, and the pod meanwhile."""

    purpose: str
    step: Step
    change: Change
    cpus: float | None
    others: float
    """CPUs that neither the pod nor its limit accounts for."""

    def document(self, objective: Objective) -> dict[str, Any]:
        return {
            "purpose": self.purpose,
            **self.step.document(objective),
            "utilization": self.change.utilization,
            "throttled_share": self.change.throttled_share,
            "bound_by": self.change.bound_by,
            "cpus": self.cpus,
            "others_cpus": self.others,
        }


@dataclass
class WatchedLoad:
    """Keeps every step, those that do not count too."""

    pod: Pod
    client: ClientProcess
    objective: Objective
    seed: int
    is_noise_allowed: bool
    tell: Callable[[str], None]
    record: Callable[[dict[str, Any]], None]
    """Told of each step."""
    watched: list[Watched] = field(default_factory=list)

    def run(self, purpose: str, rate: float, count: int) -> Step:
        """
        Raises:
            UnsoundError: others had the pod's CPUs each time that it was tried.
        """
        for _ in range(TRIES):
            found = self._run(purpose, rate, count)
            if found.others <= BUSY_CORES or self.is_noise_allowed:
                return found.step
            self.tell(f"does not count: others used {found.others:.1f} CPUs of the pod's")
        raise UnsoundError(noise_sentence(found.others))

    def of(self, step: Step) -> Watched:
        """With the pod's own words; of a bisection's verdict, the last part."""
        same = [found for found in self.watched if found.step is step]
        near = [found for found in self.watched if found.step.rate == step.rate]
        return (same or near)[-1]

    def _run(self, purpose: str, rate: float, count: int) -> Watched:
        self.tell(f"{purpose}: {rate_text(rate)} requests/s for {count / rate:.0f} s")
        self.seed += 1
        pod = self.pod
        before, cpu, busy = Readings.of(pod.management), pod.cpu_seconds(), pod.busy_seconds()
        step = self.client.open_load(rate, count, seed=self.seed, patience=PATIENCE_SECONDS)
        after, cpu_after, busy_after = (
            Readings.of(pod.management), pod.cpu_seconds(), pod.busy_seconds(),
        )  # fmt: skip
        change = Change(before, after)
        used = None if cpu is None or cpu_after is None else (cpu_after - cpu) / change.seconds
        others = after.missing_cpus
        if busy is not None and busy_after is not None:
            others = (busy_after - busy) / change.seconds - (used or 0.0)
        found = Watched(purpose, step, change, used, others)
        self.watched.append(found)
        self.record(found.document(self.objective))
        return found
