"""A program of the cluster: started with a log file, waited for, and ended by its process id."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

READY_SECONDS = 60
STOP_SECONDS = 10
POLL_SECONDS = 0.05


class ProgramFailed(Exception):
    """A program ended, or was not ready in time; the text holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Program:
    """One running program."""

    name: str
    log: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(
        cls, name: str, command: list[str], log: Path, *, variables: dict[str, str] | None = None
    ) -> Program:
        """Run the command, with `variables` added to this process's own environment.

        It is told to end when this process dies before it.
        """
        words = ["setpriv", "--pdeathsig", "TERM", *command]
        with log.open("ab") as file:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(variables or {})},
            )
        return cls(name, log, process)

    def wait_until(self, is_ready: Callable[[], bool], what: str) -> None:
        """Return once `is_ready`; raises ProgramFailed when it ends first or takes too long."""
        deadline = time.monotonic() + READY_SECONDS
        while not is_ready():
            if self.has_ended():
                raise ProgramFailed(f"{self.name} ended before {what}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                waited = f"{self.name}: waited {READY_SECONDS} s for {what}"
                raise ProgramFailed(f"{waited}:\n{self.log_tail()}")
            time.sleep(POLL_SECONDS)

    def has_ended(self) -> bool:
        """Whether it ended, by itself or because it was told to."""
        return self.process.poll() is not None

    def log_tail(self, lines: int = 15) -> str:
        """The last lines that it wrote."""
        written = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(written[-lines:])

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """SIGTERM, then SIGKILL for one that does not end in time."""
        if not self.has_ended():
            self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL: the program gets no chance to clean up."""
        self.process.kill()
        self.process.wait()
