"""Whether a pod was as fast after the search for its knee as before it."""

from __future__ import annotations

from dataclasses import dataclass

from longshore_k8s.capacity.rate_text import rate_text

STEADY = 1.1
"""Between two rates of closed loads: more, and the knee is one of several."""


@dataclass(frozen=True, slots=True)
class Drift:
    """Results per second of a closed load, `before` the search and `after` it.

    A knee goes with the speed of its machine, and nothing says what that was in between: bounds
    are widened by the whole change, both ways.
    """

    before: float
    after: float

    @property
    def factor(self) -> float:
        """By how much the bounds of a knee are off; 1 of a steady machine."""
        change = max(self.after / self.before, self.before / self.after)
        return change if change > STEADY else 1.0

    @property
    def sentences(self) -> tuple[str, ...]:
        """None of a steady machine."""
        if self.factor == 1.0:
            return ()
        return (
            f"a noisy machine: a closed load had {rate_text(self.before)} results/s before the "
            f"search and {rate_text(self.after)} after it; measure again to know which is usual",
        )
