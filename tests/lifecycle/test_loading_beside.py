"""A version that is loaded while another one of the model serves."""

from __future__ import annotations

import time

import numpy as np

from tests.lifecycle.conftest import write_version

SLOW = "delay_seconds: 0.002"


async def ask(model) -> None:
    now = time.monotonic()
    inputs = {"INPUT0": np.zeros((1, 2), np.float32)}
    pending = model.infer(inputs, ("OUTPUT0",), rows=1, arrived=now, deadline=now + 20.0)
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
