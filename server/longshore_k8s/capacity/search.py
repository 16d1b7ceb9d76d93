"""The knee of one pod: by its model where the pod follows it, by bisection where it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from longshore_k8s.capacity.agreement import disagreements, stall_sentence
from longshore_k8s.capacity.bisection import Bisection, keeps
from longshore_k8s.capacity.fit import fit_bounds, fit_scale
from longshore_k8s.capacity.knee import SIMULATED_REQUESTS, KneeTable
from longshore_k8s.capacity.objective import Objective
from longshore_k8s.capacity.pace import Pace
from longshore_k8s.capacity.pod_model import PodModel
from longshore_k8s.capacity.rate_text import rate_text
from longshore_k8s.capacity.step import Step
from longshore_k8s.capacity.unsound import UnreachableError, UnsoundError

FIT_SHARES = (0.75, 0.9, 0.97)
"""Of the estimate, which is renewed after each."""
CHECK_SHARE = 0.25
CONFIRMED_SHARE = 0.97
"""Of the knee, where the objective should be kept by a hair."""
MOVED = 1.02
"""By a confirmation, upwards: a knee beyond what was tried."""
MOST_STEPS = 8
"""By the model; then its last confirmation stands."""
LAG_SHARE = 0.02
"""Of the objective: a step whose requests were sent later than that (p99) does not count."""
TRIES = 3
LEAST_HALF_WIDTH = 0.02
"""Of the knee's interval: what a simulation of finite length leaves open."""


class Load(Protocol):
    """What sends requests to the pod under test."""

    def run(self, purpose: str, rate: float, count: int) -> Step:
        """Poisson arrivals of `rate` per second; each call has other ones."""


@dataclass(frozen=True, slots=True)
class Knee:
    """In requests per second, with bounds at 95 %."""

    low: float
    rate: float
    high: float
    scale: float
    """Of the calibrated cost; as fitted, also where the model was given up."""
    confirmation: Step
    """The longest step at which the objective was kept, near the knee."""
    doubts: tuple[str, ...] = ()
    """Why the pod does not follow the model; the knee is a bisection's then."""
    shape: str = ""
    """`smooth` or `cliff`, of a bisection."""


class KneeSearch:
    """One search; `steps` has what was measured so far."""

    def __init__(
        self,
        load: Load,
        model: PodModel,
        objective: Objective,
        *,
        pace: Pace | None = None,
        is_noise_allowed: bool = False,
        simulated_requests: int = SIMULATED_REQUESTS,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._load = load
        self._model = model
        self._objective = objective
        self._pace = pace or Pace()
        self._is_noise_allowed = is_noise_allowed
        self._tell = tell
        self._table = KneeTable(model, objective, requests=simulated_requests)

    def find(self) -> Knee:
        """
        Raises:
            UnreachableError: the objective is not kept at a quarter of the load.
            UnsoundError: the client was late.
        """
        model, objective = self._model, self._objective
        guess = self._table.rate() or CHECK_SHARE * model.capacity
        steps: list[Step] = []
        scale = 1.0
        for share in FIT_SHARES:
            steps.append(self._step("fit", share * guess))
            scale = fit_scale(model, steps)
            guess = self._table.rate(scale) or share * guess
        quarter = self._step("check", CHECK_SHARE * guess)
        self._require_reachable(quarter)
        doubts = disagreements(model, scale, [quarter, *steps], objective)
        if doubts:
            return self._bisect(scale, doubts, [quarter, *steps])
        return self._confirm(scale, guess, [quarter, *steps])

    def _confirm(self, scale: float, guess: float, steps: list[Step]) -> Knee:
        """Again where the confirmation itself moved the knee: none is told that was not tried."""
        model, objective = self._model, self._objective
        confirmation = self._step("confirm", CONFIRMED_SHARE * guess, self._pace.confirmation)
        doubts = disagreements(model, scale, [confirmation], objective)
        if confirmation.late(objective).low > objective.late_share:
            rate, stalls = confirmation.rate, stall_sentence(confirmation, objective)
            doubts = doubts or [
                f"the objective was missed just below, at {rate_text(rate)}/s{stalls}"
            ]
        if doubts or not self._keeps_errors(confirmation):
            return self._bisect(scale, doubts, [*steps, confirmation])
        steps = [*steps, confirmation]
        fit = fit_bounds(model, steps)
        low, rate, high = (self._table.rate(scale) for scale in (fit.high, fit.scale, fit.low))
        if rate > MOVED * guess and len(steps) < MOST_STEPS:
            return self._confirm(fit.scale, rate, steps)
        low, high = (
            min(low, rate * (1 - LEAST_HALF_WIDTH)),
            max(high, rate * (1 + LEAST_HALF_WIDTH)),
        )
        return Knee(low, rate, high, fit.scale, confirmation)

    def _bisect(self, scale: float, doubts: list[str], steps: list[Step]) -> Knee:
        for doubt in doubts:
            self._tell(f"the model does not hold: {doubt}")

        def run(rate: float, confirms: bool) -> Step:
            return self._step("bisect", rate, self._pace.verdict if confirms else None)

        found = Bisection(run, self._objective, steps).narrow()
        for outvoted in (step for look in found.ends for step in look.outvoted):
            verb = "kept" if keeps(outvoted, self._objective) else "missed"
            self._tell(
                f"one step at {rate_text(outvoted.rate)}/s {verb} the objective, where two did not"
                f"{stall_sentence(outvoted, self._objective)}"
            )
        return Knee(
            found.low_rate, found.knee(self._objective), found.high_rate, scale,
            found.low.step, tuple(doubts), found.shape(self._objective),
        )  # fmt: skip

    def _step(
        self, purpose: str, rate: float, count_at: Callable[[float], int] | None = None
    ) -> Step:
        count = (count_at or self._pace.step)(rate)
        lag = 0.0
        for _ in range(TRIES):
            step = self._load.run(purpose, rate, count)
            lag = step.lag_p99
            if lag <= LAG_SHARE * self._objective.seconds:
                return step
            self._tell(f"does not count: the client sent {1000 * lag:.3g} ms late (p99)")
        if self._is_noise_allowed:
            self._tell("the last one counts all the same (--noisy)")
            return step
        raise UnsoundError(
            f"the client cannot keep up with {rate_text(rate)} requests/s: it sent "
            f"{1000 * lag:.3g} ms late (p99), over {100 * LAG_SHARE:g} % of the objective, "
            f"{TRIES} times; give it a CPU of its own"
        )

    def _keeps_errors(self, step: Step) -> bool:
        return step.errors().low <= self._objective.error_share

    def _require_reachable(self, quarter: Step) -> None:
        objective = self._objective
        late, errors = quarter.late(objective), quarter.errors()
        if errors.low > objective.error_share:
            raise UnreachableError(
                f"the SLO is not reachable: {100 * errors.share:.2g} % errors at a quarter of the "
                "load"
            )
        if late.low > objective.late_share:
            raise UnreachableError(
                f"the SLO is not reachable: {100 * late.share:.2g} % over at a quarter of the load "
                f"({rate_text(quarter.rate)} requests/s){stall_sentence(quarter, objective)}"
            )
