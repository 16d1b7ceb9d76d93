from __future__ import annotations

import asyncio

from longshore.execution.housekeeping import Housekeeping


async def runs(housekeeping: Housekeeping, count: int, done: list[int]) -> None:
    housekeeping.start()
    while len(done) < count:
        await asyncio.sleep(0)
    housekeeping.stop()


async def test_a_task_that_raises_ends_neither_itself_nor_the_others(caplog):
    failed: list[int] = []
    done: list[int] = []

    def fail() -> None:
        failed.append(1)
        raise RuntimeError("dictionary changed size during iteration")

    await runs(Housekeeping([fail, lambda: done.append(1)], interval_seconds=0.0), 3, done)

    assert len(failed) == 3
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 1, "each kind of error is logged once"
    assert "housekeeping failed" in messages[0]
    assert "dictionary changed size" in caplog.text


async def test_tasks_run_ten_times_a_second(monkeypatch):
    housekeeping = Housekeeping([])
    with monkeypatch.context() as still:
        still.setattr(asyncio.get_running_loop(), "time", lambda: 0.0)
        housekeeping.start()

    assert housekeeping._timer.when() == 0.1
    housekeeping.stop()


async def test_an_end_before_the_beginning_is_none():
    Housekeeping([]).stop()


async def test_nothing_runs_after_the_end():
    done: list[int] = []
    await runs(Housekeeping([lambda: done.append(1)], interval_seconds=0.0), 1, done)
    await asyncio.sleep(0.001)

    assert done == [1]
