"""What comes of a trial that did not pass."""

from __future__ import annotations

import signal
from enum import StrEnum

from longshore.errors import ModelLoadError


class FailureKind(StrEnum):
    """Values of the `reason` label."""

    REFUSED = "refused"
    """By what a load checks."""
    CRASHED = "crashed"
    """It ended the process that tried it."""
    HUNG = "hung"
    MEMORY = "memory"
    STARVED = "starved"
    """It did not get to run enough to be judged."""


class TrialFailed(ModelLoadError):
    """The version cannot be served; says what it did, and while it did what."""

    def __init__(self, message: str, kind: FailureKind, *, fits_alone: bool = True) -> None:
        """`fits_alone` says that it may have room where nothing else is loaded."""
        super().__init__(message)
        self.kind = kind
        self.fits_alone = fits_alone

    @property
    def is_dangerous(self) -> bool:
        """Whether loading it could end the process that serves, or keep it from serving."""
        return self.kind in (FailureKind.CRASHED, FailureKind.HUNG)


class TrialStopped(Exception):
    """Nobody waits for it any more."""


def describe_end(code: int) -> str:
    """How a process ended without a word; `code` is of `subprocess.Popen.returncode`."""
    if code >= 0:
        return f"ended by itself with exit code {code}"
    try:
        name = f" ({signal.Signals(-code).name})"
    except ValueError:
        name = ""
    return f"killed by signal {-code}{name}"
