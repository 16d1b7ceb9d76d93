"""Trials beside a version that clients use, on CPUs that are limited or busy."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from longshore.cpu.quota import Quota
from longshore.lifecycle.trial import pace, watch
from longshore.lifecycle.trial.supervisor import Passed
from longshore.lifecycle.trial.trials import Trials
from longshore.loading.load_options import LoadOptions
from tests.lifecycle.conftest import write_version
from tests.lifecycle.test_loading_beside import SLOW, ask

OPTIONS = LoadOptions(cpus=1, calibration_budget_seconds=5.0)
SPIN = "import time\nwhile True: time.monotonic()"


class CountedQuota(Quota):
    """A CPU in every 100 ms, which the kernel does not hold anybody to."""

    def periods(self) -> int:
        return int(10 * time.monotonic())


class OnOneCpu(Trials):
    """On a CPU that others use."""

    def __init__(self, cpu: int) -> None:
        super().__init__(OPTIONS, seconds=120.0, quota=lambda: None, room=lambda: None)
        self._cpu = cpu
        self.messages: list[str] = []

    def run(self, *args) -> Passed:
        everywhere = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {self._cpu})
        try:
            return super().run(*args)
        finally:
            os.sched_setaffinity(0, everywhere)


@pytest.fixture
def busy_cpu() -> Iterator[int]:
    cpu = max(os.sched_getaffinity(0))
    with subprocess.Popen([sys.executable, "-c", SPIN]) as spinner:
        os.sched_setaffinity(spinner.pid, {cpu})
        yield cpu
        spinner.kill()


async def test_under_a_quota_a_new_version_of_the_same_kind_takes_the_plan_over(
    manage, model, tmp_path: Path
):
    quota = CountedQuota(100_000, 100_000, tmp_path)
    trials = Trials(OPTIONS, seconds=60.0, quota=lambda: quota, room=lambda: None)
    write_version(model, "1", SLOW)
    manager = await manage(calibration_budget_seconds=5.0, trials=trials)
    first = manager.served.default.model.plan
    await ask(manager.served.default.model)

    write_version(model, "2", SLOW)
    await manager.refresh()

    second = manager.served.default.model.plan
    assert manager.served.default.version == "2"
    assert (first.source, second.source) == ("measured", "inherited")
    assert not [note for note in second.notes if "not measured against" in note]
    assert (second.split, second.max_batch_size) == (first.split, first.max_batch_size)


async def test_beside_busy_cpus_a_trial_gets_a_share_of_them_and_the_version_is_served(
    manage, model, busy_cpu, monkeypatch, caplog
):
    caplog.set_level("INFO")
    monkeypatch.setattr(watch, "STARVED_SECONDS", 0.5)
    monkeypatch.setattr(pace, "LEAST_SHARE", 0.4)
    write_version(model, "1", SLOW)
    manager = await manage(calibration_budget_seconds=5.0, trials=OnOneCpu(busy_cpu))
    await ask(manager.served.default.model)

    write_version(model, "2", SLOW)
    await manager.refresh()

    assert manager.served.default.version == "2"
    assert manager.served.describe_problems() == []
    assert [r for r in caplog.records if "with a share of the CPUs" in r.getMessage()]
