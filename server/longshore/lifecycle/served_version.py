"""One version of the model on its way through the states."""

from __future__ import annotations

from msgspec import Struct

from longshore.execution.model import Model
from longshore.lifecycle.state import ModelState, next_state
from longshore.repository.layout import Artifact


class ServedVersion(Struct):
    """A version that is being loaded, serves or has served."""

    artifact: Artifact
    state: ModelState = ModelState.LOADING
    model: Model | None = None

    @property
    def version(self) -> str:
        return self.artifact.version

    @property
    def is_ready(self) -> bool:
        return self.state is ModelState.READY and self.model is not None and not self.model.fault

    @property
    def fault(self) -> str:
        """Why it cannot answer any more, as a sentence; empty when it can."""
        return "" if self.model is None else self.model.fault or ""

    def move(self, state: ModelState) -> None:
        """Enter `state`; a fault in the order raises `InvalidTransition`."""
        self.state = next_state(self.state, state)
