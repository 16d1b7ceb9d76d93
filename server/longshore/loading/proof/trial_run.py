"""Executions that find out what a model takes."""

from __future__ import annotations

from longshore.backends.base import Backend
from longshore.batching.padding import PaddingPlan
from longshore.loading.budget import Budget
from longshore.progress import Progress
from longshore.tensors import Signature, Tensors

QUICK_FAILURE_SECONDS = 0.02
"""What is refused so soon is tried again with another input, whatever the budget: without an input
that works nothing can be learned.
"""


class TrialRun:
    """Runs a backend on inputs as clients send them, within the budget, and remembers how long an
    execution took. `whole` is the signature with the masks that `masks` fills where they are not
    given.
    """

    def __init__(
        self,
        backend: Backend,
        whole: Signature,
        masks: PaddingPlan | None,
        budget: Budget,
        progress: Progress,
    ) -> None:
        self.backend = backend
        self.budget = budget
        self.seconds: dict[int, float] = {}
        """Of the fastest execution, by number of rows."""
        self.outputs: Tensors | None = None
        """Of the last execution."""
        self._failure_seconds = 0.0
        """Of the last execution that failed."""
        self._names = whole.output_names
        self._masks = masks
        self._progress = progress

    def __call__(self, inputs: Tensors) -> Tensors:
        """Raises:
        BudgetSpent: it would take longer than what is left, as far as is known.
        LongshoreError: as `Backend.execute`.
        """
        rows = _rows(inputs)
        if self.seconds:
            self.budget.demand(self.expected_seconds(rows))
        elif self._failure_seconds > QUICK_FAILURE_SECONDS:
            self.budget.demand(self._failure_seconds)
        given = inputs
        if self._masks and any(spec.name not in inputs for spec in self._masks.masks.values()):
            given = self._masks.combine([inputs])
        self._progress.begin(f"executing a batch of {rows}")
        clock = self.budget.clock
        started = clock()
        try:
            outputs = self.backend.execute(given, self._names)
        except Exception:
            self._failure_seconds = clock() - started
            raise
        seconds = clock() - started
        self.seconds[rows] = min(seconds, self.seconds.get(rows, seconds))
        self.outputs = outputs
        return outputs

    def expected_seconds(self, rows: int) -> float:
        """At least: what as many rows took, or fewer."""
        return max((s for known, s in self.seconds.items() if known <= rows), default=0.0)


def _rows(inputs: Tensors) -> int:
    first = next(iter(inputs.values()), None)
    return len(first) if first is not None and first.ndim else 1
