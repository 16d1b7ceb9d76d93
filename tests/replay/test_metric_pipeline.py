"""From counters to what an HPA reads: samples, rates, the adapter's and KEDA's rounding."""

from __future__ import annotations

import subprocess
import time

import numpy as np
import pytest

from longshore_k8s.replay import adapter, keda
from longshore_k8s.replay.extrapolated_rate import extrapolated_rate
from longshore_k8s.replay.scrape import Scrapes
from tests.monitoring.prometheus import program, scraping

WINDOW = 60_000


def rate(samples: dict[int, float], *, at: int, window: int = WINDOW) -> float | None:
    """Of one series: values by their times in milliseconds."""
    times, values = np.array([list(samples)]), np.array([list(samples.values())], float)
    rates, has_rate = extrapolated_rate(times, values, np.ones_like(times, bool), at, window)
    return float(rates[0]) if has_rate[0] else None


def test_one_sample_has_no_rate():
    assert rate({50_000: 7.0}, at=60_000) is None
    assert rate({50_000: 7.0, 65_000: 8.0}, at=60_000) is None


def test_a_steady_counter_has_its_slope_between_its_samples():
    samples = {second * 1000: 1000 + 2.0 * second for second in range(0, 61, 15)}

    assert rate(samples, at=60_000) == 90 * ((45 + 15 + 0) / 45 / 60)


def test_a_window_leaves_out_its_begin_and_holds_its_end():
    samples = {0: 1000.0, 30_000: 1000.0, 60_000: 1060.0}

    assert rate(samples, at=60_000) == 60.0 * (30 + 30 + 0) / 30 / 60
    assert rate(samples, at=59_999) == 0.0


def test_what_is_far_from_the_edge_is_extended_by_half_an_interval():
    samples = {20_000: 1000.0, 30_000: 1010.0}

    assert rate(samples, at=60_000) == 10 * (10 + 5 + 5) / 10 / 60
    assert rate(samples, at=41_000) == 10 * (10 + 5 + 5) / 10 / 60
    assert rate(samples, at=40_999) == 10 * ((10 + 5 + 10.999) / 10 / 60)


def test_a_counter_is_not_extended_beyond_its_zero_point():
    assert rate({52_000: 0.0, 60_000: 80.0}, at=60_000) == 80 * (8 / 8 / 60)
    assert rate({52_000: 20.0, 60_000: 100.0}, at=60_000) == 80 * ((8 + 2 + 0) / 8 / 60)


def test_rates_are_those_of_a_real_prometheus_to_the_bit(tmp_path):
    random = np.random.default_rng(7)
    began = int(time.time()) - 7200
    series = [jittered(random) for _ in range(12)]
    lines = ["# TYPE load counter"]
    for index, samples in enumerate(series):
        lines += [f'load_total{{s="{index}"}} {v!r} {began + t / 1000}' for t, v in samples.items()]
    file = tmp_path / "history.txt"
    file.write_text("\n".join([*lines, "# EOF", ""]), encoding="utf-8")
    make = ("tsdb", "create-blocks-from", "openmetrics", str(file), str(tmp_path / "data"))
    subprocess.run([program("promtool"), *make], check=True, capture_output=True)

    compared = 0
    with scraping([], [], tmp_path) as prometheus:
        for at in range(61_003, 580_000, 13_007):
            theirs = prometheus.query("rate(load_total[1m])", at=began + at / 1000)
            for index, samples in enumerate(series):
                ours = rate(samples, at=at)
                assert ours == theirs.get(frozenset({("s", str(index))})), (index, at)
                compared += ours is not None

    assert compared > 300


def jittered(random: np.random.Generator) -> dict[int, float]:
    """Ten minutes of samples about 15 s apart, of which some are lost; far from zero."""
    times = (np.arange(0, 600_000, 15_000) + random.integers(0, 9_000, 40)).tolist()
    values = 1e6 + np.cumsum(random.integers(0, 400, 40) / 4)
    kept = random.random(40) < 0.85
    return {time: float(v) for time, v, k in zip(times, values, kept, strict=True) if k}


def test_the_adapter_cuts_off_where_keda_rounds():
    values = np.array([0.0, 1.9999, 0.0005, 2.0015])

    assert adapter.pod_values(values).tolist() == [0, 1999, 0, 2001]
    assert keda.external_values(values).tolist() == [0, 2000, 1, 2002]
    assert keda.external_values(np.array([1.0005])).tolist() == [1000], "1.0005 is a little less"


@pytest.fixture
def scrapes() -> Scrapes:
    return Scrapes(1, 2, 1, interval_ms=15_000, window_ms=WINDOW)


def test_pods_are_scraped_at_phases_of_their_own_and_seen_from_the_second_on(scrapes):
    scrapes.begin(0, 0, 1_000, np.array([0.0, 0.0]))
    scrapes.begin(0, 1, 1_000, np.array([0.0, 0.5]))
    counters = np.zeros((1, 1, 2))
    seen = []
    for begin in range(0, 36_000, 3_000):
        after = counters + 6
        scrapes.take(begin, begin + 3_000, counters, after)
        counters = after
        _, has_rate = scrapes.rates(0, begin + 3_000, 2)
        seen.append((begin + 3_000, has_rate[0].tolist()))

    first = {slot: next(at for at, has in seen if has[slot]) for slot in (0, 1)}
    assert first == {0: 33_000, 1: 24_000}
    assert scrapes.newest(2).tolist() == [[30_000, 22_500]]


def test_a_pod_that_is_gone_keeps_a_rate_while_its_samples_are_in_the_window(scrapes):
    scrapes.begin(0, 0, 0, np.array([0.0, 0.0]))
    counters = np.zeros((1, 1, 2))
    for begin in range(0, 60_000, 3_000):
        scrapes.take(begin, begin + 3_000, counters, counters + 6)
        counters = counters + 6
        if begin == 39_000:
            scrapes.end(0, 0, 42_000)

    assert scrapes.newest(1).tolist() == [[30_000]]
    assert scrapes.rates(0, 74_999, 1)[1].tolist() == [[True]]
    assert scrapes.rates(0, 75_000, 1)[1].tolist() == [[False]]
