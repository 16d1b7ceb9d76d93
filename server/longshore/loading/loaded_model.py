"""A model that can execute, not yet serving."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from longshore.backends.base import Backend
from longshore.batching.padding import PaddingPlan
from longshore.loading.plan import ExecutionPlan
from longshore.loading.proof.sample_inputs import Maker
from longshore.repository.artifact import Artifact
from longshore.repository.model_config import ModelConfig
from longshore.tensors import Signature


class LoadedModel(Struct):
    """One version, opened and planned."""

    artifact: Artifact
    config: ModelConfig
    signature: Signature
    """What clients see; masks that the server fills are left out."""
    backends: list[Backend]
    """One for each instance; the same object several times when it may be shared."""
    plan: ExecutionPlan
    padding: PaddingPlan | None
    maker: Maker | None
    """Of inputs as the backends take them, masks included."""
    load_seconds: float = 0.0
    calibration_seconds: float = 0.0
    run_problem: str = ""
    """Why the model has not been seen to run, in a sentence; empty when it has."""
    wide: Backend | None = None
    """For an execution that has all CPUs to itself, where the plan has such."""
    is_provisional: bool = False
    """Whether others disturbed the measurement, or the plan is that of a version which served
    meanwhile: it is worth measuring again."""

    @property
    def has_run(self) -> bool:
        """Whether the model has answered an input, in this start or in the one it remembers."""
        return not self.run_problem

    @property
    def is_vouched(self) -> bool:
        """Whether its owner says that it runs, whatever sample inputs show."""
        return self.config.startup == "vouched"

    def close(self) -> None:
        for backend in self.different_backends():
            backend.close()

    def different_backends(self) -> list[Backend]:
        """Each once."""
        every = self.backends if self.wide is None else [*self.backends, self.wide]
        return list({id(backend): backend for backend in every}.values())


class Beside(Struct, frozen=True):
    """A version that is ready while another one is loaded."""

    loaded: LoadedModel
    has_worked: Callable[[], bool]
    """Whether it has executed anything; called on the thread that loads."""
