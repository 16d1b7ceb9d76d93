"""A version that is loaded while another one of the model serves."""

from __future__ import annotations

import time

import numpy as np
from msgspec.structs import replace

from longshore.lifecycle.repeated_measurement import FIRST_PAUSE_SECONDS
from longshore.lifecycle.trial.room import Room
from longshore.lifecycle.trial.supervisor import Passed
from longshore.lifecycle.trial.trials import Trials
from longshore.loading.load_options import LoadOptions
from tests.clock import FakeClock
from tests.lifecycle.conftest import write_version

SLOW = "delay_seconds: 0.002"


class CalmTrials(Trials):
    """On a machine without neighbours, which that of a test is not always."""

    def run(self, *args) -> Passed:
        passed = super().run(*args)
        return replace(passed, findings=replace(passed.findings, is_kept=True))


async def ask(model) -> None:
    now = time.monotonic()
    inputs = {"INPUT0": np.zeros((1, 2), np.float32)}
    pending = model.infer(inputs, ("OUTPUT0",), rows=1, arrived=now, deadline=now + 3600.0)
    await pending.future


async def test_a_new_version_of_the_same_kind_takes_the_plan_over(manage, model):
    write_version(model, "1", SLOW)
    manager = await manage(calibration_budget_seconds=5.0)
    first = manager.served.default.model.plan
    await ask(manager.served.default.model)

    write_version(model, "2", SLOW)
    await manager.refresh()

    second = manager.served.default.model.plan
    assert manager.served.default.version == "2"
    assert (first.source, second.source) == ("measured", "inherited")
    assert (second.split, second.max_batch_size) == (first.split, first.max_batch_size)


async def test_a_plan_that_was_taken_over_is_measured_once_clients_are_gone(manage, model):
    clock = FakeClock(time.monotonic())
    options = LoadOptions(cpus=1, calibration_budget_seconds=5.0)
    trials = CalmTrials(options, seconds=60.0, quota=lambda: None, room=lambda: None)
    write_version(model, "1", SLOW)
    manager = await manage(calibration_budget_seconds=5.0, trials=trials, progress_clock=clock)
    await ask(manager.served.default.model)
    write_version(model, "2", SLOW)
    await manager.refresh()
    inherited = manager.served.default
    await ask(inherited.model)
    await manager.refresh()
    clock.advance(FIRST_PAUSE_SECONDS)
    await manager.refresh()
    assert manager.served.default is inherited, "a request was there just now"

    inherited.model.statistics.last_inference_milliseconds = 1
    await manager.refresh()

    served = manager.served.default
    assert served.model.plan.source == "measured"
    assert served.version == inherited.version
    assert not manager.served.refusals.get("2")
    await ask(served.model)


async def test_a_measurement_that_has_no_room_leaves_what_serves_alone(manage, model):
    clock = FakeClock(time.monotonic())
    options = LoadOptions(cpus=1, calibration_budget_seconds=5.0)
    room = [None]
    trials = Trials(options, seconds=60.0, quota=lambda: None, room=lambda: room[0])
    write_version(model, "1", SLOW)
    manager = await manage(calibration_budget_seconds=5.0, trials=trials, progress_clock=clock)
    await ask(manager.served.default.model)
    write_version(model, "2", SLOW)
    await manager.refresh()
    inherited = manager.served.default
    await manager.refresh()

    room[0] = Room(free_bytes=0, limit_bytes=2**30)
    clock.advance(FIRST_PAUSE_SECONDS)
    await manager.refresh()

    assert manager.served.default is inherited
    assert not manager.served.refusals.get("2")
    await ask(inherited.model)


async def test_a_version_whose_files_are_replaced_is_compared_with_those_that_serve(manage, model):
    write_version(model, "1", SLOW)
    manager = await manage(calibration_budget_seconds=5.0)
    await ask(manager.served.default.model)

    write_version(model, "1", f"{SLOW}\ndelay_per_row_seconds: 0.0")
    await manager.refresh()

    assert manager.served.default.model.plan.source == "inherited"
    assert any("taken over from version 1" in n for n in manager.served.default.model.plan.notes)


async def test_versions_that_are_loaded_one_after_the_other_at_a_start_are_each_measured(
    manage, model
):
    (model / "config.yaml").write_text("version_policy: {all: {}}")
    write_version(model, "1", SLOW)
    write_version(model, "2", SLOW)

    manager = await manage(calibration_budget_seconds=5.0)

    plans = [served.model.plan for served in manager.served.by_number.values()]
    assert [plan.source for plan in plans] == ["measured", "measured"]
