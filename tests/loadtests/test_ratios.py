from __future__ import annotations

import pytest

from loadtests.bench.bars import Bar, idle_bars, start_up_bars, throughput_bars
from loadtests.bench.cells import Cell
from loadtests.bench.idle_connections import IdleRound
from loadtests.bench.ratios import Table
from loadtests.bench.start_up import StartUp


def _cells(target: str, rps: list[float], *, model: str = "tiny", c: int = 32) -> list[Cell]:
    return [
        Cell(model, target, "json", c, number, value, p50_ms=1000 / value)
        for number, value in enumerate(rps, start=1)
    ]


def test_a_ratio_is_taken_within_a_round_before_the_median() -> None:
    # The machine is twice as fast in round 2; medians of the columns would say 300 / 200.
    table = Table(_cells("longshore", [100, 300, 400]) + _cells("echo", [200, 800, 100]))
    assert table.throughput_ratio("tiny", "echo", "json", 32) == pytest.approx(0.5)


def test_the_ratio_of_latencies_is_ours_over_theirs() -> None:
    table = Table(_cells("longshore", [100] * 3) + _cells("echo", [300] * 3))
    assert table.latency_ratio("tiny", "json", 32) == pytest.approx(3.0)


def test_best_of_two_loads_takes_each_sides_own_best() -> None:
    table = Table(
        _cells("longshore", [100]) + _cells("longshore", [150], c=64)
        + _cells("echo", [300]) + _cells("echo", [200], c=64)
    )  # fmt: skip
    assert table.best_throughput_ratio("tiny", "echo", "json", (32, 64)) == pytest.approx(0.5)


def test_what_was_not_measured_has_no_ratio_and_no_bar() -> None:
    table = Table(_cells("longshore", [100]))
    assert table.throughput_ratio("tiny", "echo", "json", 32) is None
    assert list(throughput_bars(table)) == []


def test_a_bar_is_judged_on_the_right_side() -> None:
    assert Bar("", 0.92, 0.92, at_least=True).passed
    assert not Bar("", 0.91, 0.92, at_least=True).passed
    assert Bar("", 2.5, 2.5, at_least=False).passed
    assert str(Bar("", 2.6, 2.5, at_least=False)).startswith("MISS")


def test_busy_loads_of_the_encoder_are_judged_one_by_one() -> None:
    cells = [
        cell
        for c, rps in ((8, 95.0), (32, 80.0))
        for cell in (
            *_cells("longshore", [rps] * 3, model="encoder", c=c),
            *_cells("onnxruntime", [100.0] * 3, model="encoder", c=c),
        )
    ]
    assert [bar.passed for bar in throughput_bars(Table(cells))] == [True, False]


def test_start_up_is_compared_with_the_floor_of_its_own_round() -> None:
    rounds = [
        StartUp(0.1, 0.2, 0.6, 30, 50, 60, 90),
        StartUp(0.2, 0.6, 1.0, 30, 50, 80, 90),
        StartUp(0.4, 0.8, 2.8, 30, 50, 90, 90),
    ]
    cold, added, memory = start_up_bars(rounds)
    assert (cold.measured, added.measured, memory.measured) == pytest.approx((2.0, 0.4, 50.0))
    assert not memory.passed


def test_idle_connections_are_a_ratio_within_the_round() -> None:
    (bar,) = idle_bars([IdleRound(100, 95, 2000), IdleRound(200, 160, 2000)], 2000)
    assert bar.measured == pytest.approx(0.875)
    assert not bar.passed


@pytest.mark.parametrize(("rps", "passed"), [(90.0, True), (80.0, False)])
def test_a_lone_request_is_judged_by_the_fastest_execution(rps: float, passed: bool) -> None:
    cells = [
        *_cells("longshore", [rps] * 3, model="encoder", c=1),
        *_cells("onnxruntime", [100.0] * 3, model="encoder", c=1),
    ]
    assert [bar.passed for bar in throughput_bars(Table(cells))] == [passed]
