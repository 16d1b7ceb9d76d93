"""What both versions have counted over a rollout, by the cumulative counters of pods that come, go
and restart.

It is kept in the status of the resource, as JSON: a controller that starts goes on from there, and
what pods counted in the meantime is in their next reading. What a pod counted after its last
reading and before its end is lost, of both versions alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from longshore_k8s.api import Json
from longshore_k8s.controller.judging import evidence
from longshore_k8s.controller.judging.look import Counts, Look, PodLook

BLOCK_REQUESTS = 20
"""Of each version, for a block of evidence to be closed: so few that share and rates are the same
throughout where there is much traffic, and enough to hold both versions where there is little."""
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Sides:
    """Of both versions."""

    stable: Counts = field(default_factory=Counts)
    canary: Counts = field(default_factory=Counts)

    def plus(self, other: Sides) -> Sides:
        return Sides(self.stable.plus(other.stable), self.canary.plus(other.canary))


@dataclass(frozen=True, slots=True)
class Baseline:
    """How a pod was seen last."""

    restarts: int
    counts: Counts | None
    """`None`: it was there when the rollout began and did not tell; what it tells first is where
    it begins."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts and evidence of one rollout."""

    total: Sides = field(default_factory=Sides)
    step: Sides = field(default_factory=Sides)
    """Since the step began."""
    open: Sides = field(default_factory=Sides)
    """Of the block of evidence that is not yet closed."""
    last: Sides = field(default_factory=Sides)
    """Of the block before it."""
    closed_bad: tuple[float, ...] = evidence.NOTHING_KNOWN
    closed_invalid: tuple[float, ...] = evidence.NOTHING_KNOWN
    """The evidence of all closed blocks, as `evidence.block` has it."""
    pods: Mapping[str, Baseline] = field(default_factory=dict)

    @classmethod
    def begun(cls, look: Look) -> Tally:
        """Where nothing that the pods have counted so far is the rollout's."""
        return cls(pods={pod.name: Baseline(pod.restarts, pod.counts) for pod in look.pods})

    def counted(self, look: Look) -> Tally:
        """With what is new in `look`; the same look a second time adds nothing."""
        new = Sides(self._new(look.stable), self._new(look.canary))
        tally = replace(
            self,
            total=self.total.plus(new),
            step=self.step.plus(new),
            open=self.open.plus(new),
            pods={pod.name: self._seen(pod) for pod in look.pods},
        )
        least = min(tally.open.stable.requests, tally.open.canary.requests)
        return tally._closed() if least >= BLOCK_REQUESTS else tally

    def next_step(self) -> Tally:
        """From another share on."""
        return replace(self._closed(), step=Sides())

    def unproven(self) -> Tally:
        """As if the step began now: what was counted while both versions failed proves nothing."""
        return replace(self, step=Sides())

    @property
    def bad_evidence(self) -> float:
        """E of errors and slow answers."""
        return evidence.value(evidence.joined(self.closed_bad, _bad(self.open)))

    @property
    def invalid_evidence(self) -> float:
        """E of requests that are refused as invalid."""
        return evidence.value(evidence.joined(self.closed_invalid, _invalid(self.open)))

    @property
    def recent(self) -> Sides:
        return self.last.plus(self.open)

    def _closed(self) -> Tally:
        return replace(
            self,
            closed_bad=_rounded(evidence.joined(self.closed_bad, _bad(self.open))),
            closed_invalid=_rounded(evidence.joined(self.closed_invalid, _invalid(self.open))),
            last=self.open,
            open=Sides(),
        )

    def _new(self, pods: Iterable[PodLook]) -> Counts:
        total = Counts()
        for pod in pods:
            total = total.plus(_since(self.pods.get(pod.name, _UNKNOWN), pod))
        return total

    def _seen(self, pod: PodLook) -> Baseline:
        before = self.pods.get(pod.name, _UNKNOWN)
        if pod.counts is not None:
            return Baseline(pod.restarts, pod.counts)
        if pod.restarts > before.restarts:
            return Baseline(pod.restarts, Counts())
        return before

    def to_json(self) -> Json:
        return {
            **{name: _sides_json(getattr(self, name)) for name in _SIDES},
            "closedBad": list(self.closed_bad),
            "closedInvalid": list(self.closed_invalid),
            "pods": {name: _baseline_json(one) for name, one in sorted(self.pods.items())},
        }

    @classmethod
    def from_json(cls, kept: Json) -> Tally:
        pods = {name: _baseline(numbers) for name, numbers in kept["pods"].items()}
        sides = {name: _sides(kept[name]) for name in _SIDES}
        bad, invalid = tuple(kept["closedBad"]), tuple(kept["closedInvalid"])
        return cls(**sides, closed_bad=bad, closed_invalid=invalid, pods=pods)


_SIDES = ("total", "step", "open", "last")
_UNKNOWN = Baseline(0, Counts())
"""A pod that came after the rollout began: all that it counts is the rollout's."""


def _since(before: Baseline, pod: PodLook) -> Counts:
    """What a pod adds: a restart is one failed request more, because what it had in hand was lost
    and no counter is left to tell of it."""
    restarts = max(0, pod.restarts - before.restarts)
    failed = Counts(requests=restarts, errors=restarts)
    if pod.counts is None or before.counts is None:
        return failed
    return failed.plus(pod.counts.since(before.counts))


def _bad(sides: Sides) -> tuple[float, ...]:
    canary, stable = sides.canary, sides.stable
    return evidence.block((canary.requests, canary.bad), (stable.requests, stable.bad))


def _invalid(sides: Sides) -> tuple[float, ...]:
    canary, stable = sides.canary, sides.stable
    return evidence.block(
        (canary.requests + canary.invalid, canary.invalid),
        (stable.requests + stable.invalid, stable.invalid),
    )


def _rounded(logs: Iterable[float]) -> tuple[float, ...]:
    return tuple(round(log, _DECIMALS) for log in evidence.floored(tuple(logs)))


def _sides_json(sides: Sides) -> Json:
    return {"stable": sides.stable.as_list(), "canary": sides.canary.as_list()}


def _sides(kept: Json) -> Sides:
    return Sides(Counts(*kept["stable"]), Counts(*kept["canary"]))


def _baseline_json(baseline: Baseline) -> list[int]:
    return [baseline.restarts, *(baseline.counts.as_list() if baseline.counts is not None else ())]


def _baseline(numbers: list[int]) -> Baseline:
    restarts, *counts = numbers
    return Baseline(restarts, Counts(*counts) if counts else None)
