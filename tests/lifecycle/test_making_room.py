"""A version that does not fit beside the one that serves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from longshore.lifecycle.trial.room import Room
from longshore.lifecycle.trial.trials import Trials
from tests.lifecycle.conftest import OPTIONS, write_version

MIB = 2**20
LARGE = "#" * 2 * MIB


@pytest.fixture
def trials_in() -> Callable[..., Trials]:
    """Trials where `free` gives the bytes that are left."""

    def make(free: Callable[[], int], limit: int = 1024 * MIB) -> Trials:
        return Trials(OPTIONS, seconds=60.0, quota=lambda: None, room=lambda: Room(free(), limit))

    return make


async def test_it_is_refused_with_the_numbers_and_the_old_one_stays(manage, model, trials_in):
    write_version(model, "1")
    manager = await manage(trials=trials_in(lambda: MIB))
    write_version(model, "2", LARGE)
    await manager.refresh()

    assert manager.served.default.version == "1"
    (problem,) = manager.served.describe_problems()
    assert "needs 2 MiB of memory, 1 MiB are free of a limit of 1.0 GiB" in problem


async def test_where_the_release_says_so_the_old_one_goes_first(manage, model, trials_in):
    write_version(model, "1")
    managers = []

    def free() -> int:
        return MIB // 2 if managers and managers[0].served.ready else 512 * MIB

    manager = await manage(trials=trials_in(free), may_replace=True)
    managers.append(manager)
    write_version(model, "2", "#" * (MIB - 1))
    await manager.refresh()

    assert manager.served.default.version == "2"
    assert manager.served.ready == ["2"]
    assert manager.served.describe_problems() == []


async def test_one_that_does_not_fit_alone_either_brings_the_old_one_back(manage, model, trials_in):
    write_version(model, "1")
    manager = await manage(trials=trials_in(lambda: MIB), may_replace=True)
    write_version(model, "2", LARGE)
    await manager.refresh()

    assert manager.served.default.version == "1"
    assert manager.served.ready == ["1"]
    (problem,) = manager.served.describe_problems()
    assert problem.startswith("version 2 is not served: needs 2 MiB of memory")


async def test_one_that_the_limit_never_fits_lets_nothing_go(manage, model, trials_in):
    write_version(model, "1")
    manager = await manage(trials=trials_in(lambda: MIB, limit=MIB), may_replace=True)
    first = manager.served.default
    write_version(model, "2", LARGE)
    await manager.refresh()

    assert manager.served.default is first


async def test_at_a_start_one_that_is_larger_than_what_is_free_is_passed_over(
    manage, model, trials_in
):
    write_version(model, "1")
    write_version(model, "2", LARGE)
    manager = await manage(trials=trials_in(lambda: MIB, limit=MIB))

    assert manager.served.default.version == "1"
    (problem,) = manager.served.describe_problems()
    assert "needs 2 MiB of memory, 1 MiB are free of a limit of 1 MiB" in problem


async def test_one_that_the_device_has_no_room_for_beside_it_lets_it_go_as_well(
    manage, model, trials_in
):
    write_version(model, "1")
    manager = await manage(trials=trials_in(lambda: 512 * MIB), may_replace=True)
    first = manager.served.default
    write_version(model, "2", "max_device_rows: 0")
    await manager.refresh()

    assert manager.served.default.version == "1"
    assert manager.served.default is not first
    (problem,) = manager.served.describe_problems()
    assert "no memory for 1 rows" in problem
