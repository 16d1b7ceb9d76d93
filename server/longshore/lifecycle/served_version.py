"""One version of the model on its way through the states."""

from __future__ import annotations

from dataclasses import dataclass

from longshore.execution.model import Model
from longshore.lifecycle.state import ModelState, next_state
from longshore.repository.layout import Artifact


@dataclass(slots=True)
class ServedVersion:
    """A version that the server knows, serving or not; `reason` says why it is not."""

    artifact: Artifact
    state: ModelState = ModelState.LOADING
    reason: str = ""
    model: Model | None = None

    @property
    def version(self) -> str:
        return self.artifact.version

    @property
    def is_ready(self) -> bool:
        return self.state is ModelState.READY and self.model is not None and not self.model.fault

    @property
    def problem(self) -> str | None:
        """Why it does not answer, or is not what lies on the volume, as a sentence."""
        fault = self.model.fault if self.model is not None else None
        reason = fault or self.reason
        return f"version {self.version} {self.state}: {reason}" if reason else None

    def move(self, state: ModelState, reason: str = "") -> None:
        """Enter `state`; a fault in the order raises `InvalidTransition`."""
        self.state = next_state(self.state, state)
        self.reason = reason
