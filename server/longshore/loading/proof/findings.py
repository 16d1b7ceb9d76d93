"""What was found out about a model before it was measured."""

from __future__ import annotations

from msgspec import Struct, field

from longshore.batching.padding import PaddingPlan
from longshore.loading.proof.sample_inputs import Maker, SampleMaker, with_masks


class Findings(Struct):
    """Inputs that a model takes, and whether requests may share a batch."""

    sample: Maker | None
    """Of inputs as clients send them; `None` when none work."""
    declared: PaddingPlan | None
    """The padding that the config declares, proven or not: its masks are the server's to fill."""
    is_batched: bool
    padding: PaddingPlan | None = None
    """The padding that was proven, with its output axes."""
    notes: list[str] = field(default_factory=list)
    seconds: dict[int, float] = field(default_factory=dict)
    """Of the fastest execution that was tried, by rows."""
    is_complete: bool = True
    """Nothing was left undecided for want of time."""
    run_problem: str = ""
    """Why the model has not been seen to run, in a sentence; empty when it has."""

    @property
    def can_be_kept(self) -> bool:
        """For later starts, which make the same inputs."""
        return self.is_complete and isinstance(self.sample, SampleMaker)

    @property
    def maker(self) -> Maker | None:
        """Of inputs as the backend takes them, masks included."""
        return None if self.sample is None else with_masks(self.sample, self.declared)
