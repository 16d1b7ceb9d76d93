"""Running tests against mutants: each in a fork of one process that has imported the libraries.

A mutant is written into a copy of `server/` that one worker owns, so that servers which the tests
start as processes run it as well.
"""

from __future__ import annotations

import compileall
import os
import shutil
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.mutations import Mutant

POLL_SECONDS = 0.02
TEST_SHARE = 0.25
"""Of a stage's time, for one test."""
Stage = tuple[str, ...]
"""Paths of tests that run in one go."""


@dataclass(slots=True)
class Trial:
    """One mutant on its way through stages of tests, from the nearest to the widest."""

    module: Path
    """Below `server/`."""
    mutant: Mutant
    stages: deque[Stage]
    killed_by: Stage | None = None

    @property
    def name(self) -> str:
        return f"{self.module}:{self.mutant.line}: {self.mutant.change}"


class Worker:
    """A copy of the packages with at most one mutant in it, and a process that tests it."""

    def __init__(self, root: Path, copy: Path, stage_seconds: float) -> None:
        self._root = root
        self._copy = copy
        self._stage_seconds = stage_seconds
        self.log = copy.with_suffix(".log")
        self.trial: Trial | None = None
        ignored = shutil.ignore_patterns("__pycache__", "*-info")
        shutil.copytree(root / "server", copy, ignore=ignored)
        compileall.compile_dir(copy, quiet=1)

    def take(self, trial: Trial) -> None:
        """Put the mutant of `trial` in place."""
        self.trial = trial
        path = self._copy / trial.module
        path.write_text(trial.mutant.source, encoding="utf-8")
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
            compiled.unlink()  # a change of the same length in the same second would not be seen

    def put_back(self, trial: Trial) -> None:
        shutil.copy(self._root / "server" / trial.module, self._copy / trial.module)
        self.trial = None

    def begin(self, stage: Stage) -> None:
        self._ends = time.monotonic() + self._stage_seconds
        self._pid = os.fork()
        if self._pid == 0:
            code = 1
            try:
                os.setpgid(0, 0)
                code = self._run_tests(stage)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)  # nothing of the parent is to be cleaned up here

    def exit_code(self) -> int | None:
        """Of the tests that were begun; `None` while they run. Too long is a failure: it hangs."""
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() <= self._ends:
            return None
        os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        return -signal.SIGKILL

    def _run_tests(self, stage: Stage) -> int:
        import pytest

        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ["PYTHONPATH"] = str(self._copy)
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(self._copy))
        os.chdir(self._root)
        options = ["-q", "-x", "-p", "no:cacheprovider", "--timeout"]
        options.append(f"{TEST_SHARE * self._stage_seconds:g}")
        options += ["-p", "anyio.pytest_plugin", "-p", "pytest_timeout"]
        options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of what is imported
        paths = f"pythonpath={self._copy} ."
        code = int(pytest.main([*options, "-m", "not soak", "-o", paths, *stage]))
        sys.stdout.flush()
        return code


def run(trials: Sequence[Trial], workers: Sequence[Worker]) -> Iterator[Trial]:
    """Yield each trial when a test has failed on it, or when none did.

    Raises:
        RuntimeError: the tests fail without any mutant: nothing could be concluded.
    """
    _check_unchanged(workers[0], {stage for trial in trials for stage in trial.stages})
    waiting = deque(trials)
    while waiting or any(worker.trial for worker in workers):
        for worker in workers:
            if worker.trial is None and waiting:
                worker.take(waiting.popleft())
                worker.begin(worker.trial.stages[0])
            if worker.trial is not None and (trial := _advance(worker, worker.trial)):
                yield trial
        time.sleep(POLL_SECONDS)


def _advance(worker: Worker, trial: Trial) -> Trial | None:
    """The trial when it has ended; begins its next stage when there is one."""
    code = worker.exit_code()
    if code is None:
        return None
    stage = trial.stages.popleft()
    if code == 0 and trial.stages:
        worker.begin(trial.stages[0])
        return None
    trial.killed_by = stage if code else None
    worker.put_back(trial)
    return trial


def _check_unchanged(worker: Worker, stages: set[Stage]) -> None:
    for stage in stages:
        worker.begin(stage)
        while (code := worker.exit_code()) is None:
            time.sleep(POLL_SECONDS)
        if code != 0:
            raise RuntimeError(f"{stage} fail without a mutant:\n{worker.log.read_text()}")
