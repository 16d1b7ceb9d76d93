"""Looking for inputs that a model runs on, and what it means when there are none."""

from __future__ import annotations

from msgspec import Struct, field

from longshore.errors import DeviceLost, ModelDefect
from longshore.loading.budget import BudgetSpent
from longshore.loading.proof.sample_inputs import (
    INTEGER_BOUNDS,
    SampleMaker,
    find_sample_maker,
    unlike_inputs,
)
from longshore.loading.proof.trial_run import TrialRun
from longshore.repository.integrity import VerifiedArtifact
from longshore.tensors import Signature

_PREFIX = "the model refuses its inputs: "


class SampleSearch(Struct):
    """What came of the inputs that were tried."""

    maker: SampleMaker | None = None
    has_run: bool = False
    """On inputs of which at least one was made; a maker needs random ones that work."""
    errors: list[Exception] = field(default_factory=list)
    fails_always: bool = False
    """No input can avoid what the errors say."""

    @property
    def reason(self) -> str:
        """The last error, in the framework's words."""
        return str(self.errors[-1]).removeprefix(_PREFIX) if self.errors else "none was tried"

    @property
    def is_inferred(self) -> bool:
        """From errors that are always the same: the owner may know better."""
        return not any(isinstance(error, ModelDefect) for error in self.errors)

    def defect(self) -> str:
        """Why a model that fails always is not served, as the end of a sentence."""
        certain = [error for error in self.errors if isinstance(error, ModelDefect)]
        if certain:
            return f"the model cannot answer any request: {certain[-1]}"
        return (
            f"the model fails on every input: {self.reason}; if that is not so, add an input that "
            "works as samples.json, or say so by parameters: {startup: vouched}"
        )


def search_samples(
    verified: VerifiedArtifact,
    signature: Signature,
    run: TrialRun,
    *,
    integer_bounds: tuple[int, ...] = INTEGER_BOUNDS,
) -> SampleSearch:
    """Random inputs first. Where none works, inputs as unlike as can be are tried on the CPU, to
    know whether any may; on a GPU a wrong one could cost the device.
    """
    search = SampleSearch()
    try:
        search.maker = find_sample_maker(
            signature, run, search.errors, integer_bounds=integer_bounds
        )
        search.has_run = search.maker is not None
        if not search.has_run and run.backend.device.kind == "cpu":
            _try_unlike(search, signature, run)
            search.fails_always = not search.has_run and run.backend.fails_always(
                search.errors, verified
            )
    except BudgetSpent as error:
        search.fails_always = not search.is_inferred  # one such error is enough
        search.errors.append(error)
    return search


def _try_unlike(search: SampleSearch, signature: Signature, run: TrialRun) -> None:
    for inputs in unlike_inputs(signature):
        try:
            run(inputs)
        except (BudgetSpent, DeviceLost):
            raise
        except Exception as error:
            search.errors.append(error)
        else:
            search.has_run = True
            return
