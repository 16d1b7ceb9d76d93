"""How a version is executed that is loaded while another of the model serves.

Beside clients' work nothing can be measured alone: the plan of the version that serves is taken
over, and its cost times what an execution of the new one takes more, found in turns. Turns are
short and far between, so that clients do not feel them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from msgspec import Struct
from msgspec.structs import replace

from longshore.backends.base import Backend
from longshore.batching.cost import CostLine
from longshore.loading.budget import Budget
from longshore.loading.load_options import LoadOptions
from longshore.loading.measurement import calibration
from longshore.loading.measurement.timing import Clocks, Sample
from longshore.loading.plan import ExecutionPlan, Split
from longshore.loading.proof.sample_inputs import Maker
from longshore.tensors import Signature

SHARE = 0.2
"""Of one CPU, or of a quota of less, at most, while the two are compared."""
TURNS = 7
TURN_SECONDS = 0.002
"""Executions that are shorter are run several times in a turn."""
LONGEST_TURN_SECONDS = 0.015
"""Batches are made smaller to keep a turn below it, down to one row."""
RATIO_BOUNDS = (0.1, 10.0)
"""What is beyond is no comparison of two versions of a model; it is learned at work."""


class KnownVersion(Struct, frozen=True):
    """A version that is ready while another one is loaded."""

    number: str
    signature: Signature
    plan: ExecutionPlan
    backend: Backend | None
    """`None` in another process than the one that it runs in."""
    maker: Maker | None
    options: LoadOptions
    """With what its config pins."""
    has_worked: Callable[[], bool]
    """Whether it has executed anything; where several versions are loaded at a start, none has."""

    def objection(self, signature: Signature, options: LoadOptions, *, is_batched: bool) -> str:
        """Why its plan is none for a version of this kind, in a clause; empty when it is."""
        if self.plan.cost is None:
            return "it was not measured itself"
        if self.backend is not None and self.backend.device.kind != "cpu":
            return "a GPU is measured by its own clock"
        if self.signature != signature:
            return "inputs or outputs differ"
        if self.plan.is_batched != is_batched:
            return "one of the two is batched"
        if self.options != options:
            return "their configs pin different things"
        return ""


def inherit(
    known: KnownVersion,
    backend: Backend,
    maker: Maker,
    *,
    first_split: Split,
    budget: Budget,
    clocks: Clocks | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> ExecutionPlan:
    """The plan of `known` for `backend`, which is of the same kind; `first_split` is for a version
    that is too expensive for the event loop.
    """
    plan, options = known.plan, known.options
    assert plan.cost is not None
    comparison = _Comparison(known, backend, maker, budget, clocks or Clocks(), sleep)
    ratio, how = comparison.ratio()
    cost = plan.cost.times(ratio)
    is_inline = plan.is_inline and calibration.runs_inline(cost, options.cpus)
    split = first_split if plan.is_inline and not is_inline else plan.split
    rows = plan.max_batch_size
    if not options.max_batch_size:
        rows = _shorter(cost, rows, options.max_execution_seconds)
        rows = calibration.largest_inline_batch(cost, options.cpus, rows) if is_inline else rows
    return replace(
        plan,
        max_batch_size=rows,
        instances=split.instances,
        threads=split.threads,
        is_inline=is_inline,
        cost=cost,
        wide=None if plan.wide is None else replace(plan.wide, cost=plan.wide.cost.times(ratio)),
        notes=(
            f"taken over from version {known.number}, which served meanwhile: {split}, batches of "
            f"at most {rows}",
            how,
        ),
        source="inherited",
    )


def _shorter(cost: CostLine, rows: int, longest_seconds: float | None) -> int:
    while longest_seconds is not None and rows > 1 and cost.seconds(rows) > longest_seconds:
        rows //= 2
    return rows


class _Comparison:
    """What an execution costs beside one of the known version, without what was waited for a CPU:
    others move neither.
    """

    def __init__(
        self,
        known: KnownVersion,
        backend: Backend,
        maker: Maker,
        budget: Budget,
        clocks: Clocks,
        sleep: Callable[[float], object],
    ) -> None:
        assert known.plan.cost is not None
        self._cost = known.plan.cost
        self._cpus = known.options.cpus
        self._budget = budget
        self._clocks = clocks
        self._sleep = sleep
        self._rows = _shorter(self._cost, known.plan.max_batch_size, LONGEST_TURN_SECONDS)
        self._new = _execution(backend, maker, self._rows)
        self._old: Callable[[], object] | None = None
        backend_of_known = known.backend
        if known.maker and backend_of_known and backend_of_known.shares_instances:
            self._old = _execution(backend_of_known, known.maker, self._rows)

    def ratio(self) -> tuple[float, str]:
        """New over old, and how it was found, in a sentence."""
        if not self._budget.allows(2 * self._cost.seconds(self._rows)):
            return 1.0, f"its cost is taken for equal: {self._budget.exceeded}"
        self._new()
        ratios: list[float] = []
        pause = 0.0
        while len(ratios) < TURNS and (not ratios or self._budget.allows(pause)):
            self._sleep(pause)
            ratio, seconds = self._turn()
            ratios.append(ratio)
            pause = seconds * (1 / (SHARE * min(1.0, self._cpus)) - 1)
        found = median(ratios)
        ratio = min(max(found, RATIO_BOUNDS[0]), RATIO_BOUNDS[1])
        counted = f", counted as {ratio:g}" if ratio != found else ""
        way = "in turns" if self._old else "beside what it was measured at"
        return ratio, (
            f"an execution costs {found:.3g} times as much as there{counted} (found {way}, with "
            f"{self._rows} rows)"
        )

    def _turn(self) -> tuple[float, float]:
        """The ratio, and the seconds that it took to find it."""
        clock = self._budget.clock
        begun = clock()
        old = self._seconds(self._old) if self._old else self._measured()
        return self._seconds(self._new) / old, clock() - begun

    def _seconds(self, execution: Callable[[], object]) -> float:
        return Sample.take(execution, self._budget.clock, self._clocks, TURN_SECONDS).running

    def _measured(self) -> float:
        """What the known version took, before its quota slowed it down."""
        return self._cost.seconds(self._rows) * min(1.0, self._cpus)


def _execution(backend: Backend, maker: Maker, rows: int) -> Callable[[], object]:
    inputs, names = maker.make(rows, seed=rows), backend.signature.output_names
    return lambda: backend.execute(inputs, names)
