"""A version on which no sample input works does not replace one that serves."""

from __future__ import annotations

import shutil

import pytest

from tests.lifecycle.conftest import write_version

REFUSES_SAMPLES = "input: [{name: x, data_type: TYPE_INT32, dims: [-1, 4]}]\nwork_when: 12345\n"


def default(manager) -> str:
    return manager.served.default.version


def states(manager) -> dict[str, str]:
    return {row.version: str(row.state) for row in manager.served.statuses()}


async def test_at_a_swap_the_old_version_serves_on_and_the_reason_is_told(
    manage, model, failures, caplog
):
    write_version(model, "1")
    manager = await manage()
    write_version(model, "2", REFUSES_SAMPLES)
    for _ in range(3):
        await manager.refresh()

    assert default(manager) == "1"
    assert states(manager) == {"1": "READY", "2": "HELD"}
    [problem] = manager.served.describe_problems()
    assert problem.startswith("version 2 is held: no sample input works: ")
    assert "startup: vouched" in problem
    assert failures() == 1
    lines = [r.getMessage() for r in caplog.records if r.getMessage().startswith("not served: ")]
    assert len(lines) == 1
    assert "state=HELD" in lines[0]


async def test_the_word_of_the_owner_puts_a_held_version_into_service(manage, model):
    write_version(model, "1")
    manager = await manage()
    write_version(model, "2", REFUSES_SAMPLES)
    await manager.refresh()
    (model / "config.yaml").write_text("parameters: {startup: vouched}")
    await manager.refresh()

    assert default(manager) == "2"
    assert manager.served.describe_problems() == []


async def test_a_version_that_is_mended_is_held_no_more(manage, model):
    write_version(model, "1")
    manager = await manage()
    write_version(model, "2", REFUSES_SAMPLES)
    await manager.refresh()
    write_version(model, "2")
    await manager.refresh()

    assert default(manager) == "2"
    assert manager.served.describe_problems() == []


async def test_a_replacement_in_place_is_held_too(manage, model):
    write_version(model, "1")
    manager = await manage()
    served = manager.served.default
    write_version(model, "1", REFUSES_SAMPLES)
    for _ in range(2):
        await manager.refresh()

    assert manager.served.default is served
    assert served.is_ready
    assert manager.served.describe_problems()[0].startswith("version 1: its replacement is held: ")


async def test_at_a_cold_start_an_only_version_is_served(manage, model, failures):
    write_version(model, "1", REFUSES_SAMPLES)
    manager = await manage()
    await manager.refresh()

    assert manager.served.is_ready
    assert failures() == 0
    assert any("no sample input works" in note for note in manager.served.default.model.plan.notes)


async def test_at_a_cold_start_the_version_that_a_swap_would_have_kept_is_served(manage, model):
    """A pod that is started later serves what the others do."""
    write_version(model, "1")
    write_version(model, "2", REFUSES_SAMPLES)
    manager = await manage()
    for _ in range(2):
        await manager.refresh()

    assert default(manager) == "1"
    assert states(manager) == {"1": "READY", "2": "HELD"}


async def test_at_a_cold_start_of_nothing_else_the_newest_is_served_and_few_are_tried(
    manage, model, caplog
):
    caplog.set_level("INFO")
    for version in "12345":
        write_version(model, version, REFUSES_SAMPLES)
    manager = await manage()
    await manager.refresh()

    assert default(manager) == "5"
    assert states(manager) == {"5": "READY"}
    loads = [r for r in caplog.records if r.getMessage().startswith("loading model")]
    assert len(loads) == 2


@pytest.mark.parametrize("broken", ["unknown_key: 1", REFUSES_SAMPLES])
async def test_every_version_of_a_policy_is_served_at_a_cold_start(manage, model, broken):
    (model / "config.yaml").write_text("version_policy: {all: {}}")
    write_version(model, "1", broken)
    write_version(model, "2", REFUSES_SAMPLES)
    manager = await manage()
    await manager.refresh()

    assert default(manager) == "2"
    assert states(manager)["1"] == ("READY" if broken is REFUSES_SAMPLES else "FAILED")


async def test_a_held_version_that_is_removed_is_forgotten(manage, model):
    write_version(model, "1")
    manager = await manage()
    write_version(model, "2", REFUSES_SAMPLES)
    await manager.refresh()
    shutil.rmtree(model / "2")
    await manager.refresh()

    assert states(manager) == {"1": "READY"}
    assert manager.served.describe_problems() == []
