"""Short versions of the attacks; `make attacks`, `make fuzz` and `make soak` run them whole."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator

import pytest

from tests.attacks import (
    abandonment,
    bombs,
    deadlines,
    drains,
    fuzz,
    handshakes,
    large_answers,
    large_bodies,
    malformed,
    overload,
    slow_clients,
    slow_readers,
    soak,
    swaps,
)
from tests.attacks.served_process import ServedProcess


@pytest.fixture(scope="module")
def short_timeouts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProcess]:
    """Ends a connection on which nothing happens for half a second."""
    with slow_clients.serve(tmp_path_factory.mktemp("models"), timeout_seconds=0.5) as served:
        yield served


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProcess]:
    """Gives back rows of four FP32."""
    with large_answers.serve(tmp_path_factory.mktemp("models"), "FP32") as served:
        yield served


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProcess]:
    """Gives back rows of one text."""
    with large_answers.serve(tmp_path_factory.mktemp("models"), "BYTES") as served:
        yield served


def assert_answered(outcomes: dict[str, int]) -> None:
    """All answered: `hung` only means later than a second, which happens on a busy machine."""
    assert set(outcomes) <= {"200", "hung"}
    assert outcomes["200"] > outcomes.get("hung", 0)


@pytest.mark.parametrize("is_first_process", [False, True])
def test_a_drain_under_load_loses_nothing(tmp_path, monkeypatch, is_first_process):
    monkeypatch.setattr(drains, "LAG_SECONDS", 1.0)
    result = asyncio.run(
        drains.drain_once(tmp_path, is_first_process=is_first_process, seconds_before=0.5)
    )

    assert result.requests > 200
    assert result.count("lost") == result.count("hung") == 0
    assert result.served_share_of_lag == 1.0
    assert list(result.exit_codes) == [0]


def test_overload_is_refused_and_not_served_late(tmp_path):
    figures = asyncio.run(
        overload.overload_once(tmp_path, max_queue_seconds=0.25, seconds=2.0, normal_seconds=0.5)
    )

    assert {"200", "429"} <= set(figures["outcomes"]) <= {"200", "429", "504", "hung"}
    assert figures["outcomes"]["429"] > figures["outcomes"].get("504", 0)


def test_abandoned_requests_are_not_executed(tmp_path):
    figures = asyncio.run(abandonment.measure(tmp_path, clients=300, seconds=1.5))

    assert figures["executed for abandoned requests"] < 40


def test_no_request_hangs_whatever_its_deadline(tmp_path, monkeypatch):
    monkeypatch.setattr(deadlines, "REQUESTS_EACH", 20)
    for figures in asyncio.run(deadlines.measure(tmp_path)).values():
        assert set(figures["outcomes"]) <= {"200", "429", "504"}
        assert figures["in flight afterwards"] == 0


def test_malformed_requests_are_the_clients_fault(tmp_path):
    figures = asyncio.run(malformed.measure(tmp_path, timeout_seconds=0.3))

    assert figures["malformed requests"] > 250
    assert figures["answered 2xx, 5xx or not at all"] == []
    assert figures["tracebacks in the log"] == 0
    assert figures["still running"]


def test_mutated_bytes_are_the_clients_fault(tmp_path):
    figures = asyncio.run(fuzz.measure(tmp_path, inputs=20_000))

    assert figures["inputs in all"] == 20_000
    assert all(figures[name]["accepted"] for name in fuzz.TARGETS if name != "external data")
    assert figures["crashes, hangs, unexpected errors and 5xx"] == []
    assert figures["tracebacks in its log"] == 0
    assert figures["server still running"]


def test_swaps_under_load_give_no_wrong_answer(tmp_path, monkeypatch):
    quick = {"version_settle_seconds": 0.1, "model_poll_seconds": 0.1}
    monkeypatch.setattr(swaps, "QUICK", {**quick, "calibration_budget_seconds": 0.2})
    monkeypatch.setattr(swaps, "STAY_SECONDS", 0.1)
    monkeypatch.setattr(swaps, "SWAPS", 6)
    figures = asyncio.run(swaps.measure(tmp_path))

    assert figures["swaps"] == 6
    assert set(figures["outcomes"]) == {"right"}


@pytest.mark.parametrize("form", large_bodies.FORMS)
def test_a_large_body_lets_the_others_be_answered(numbers, form):
    figures = asyncio.run(
        large_bodies.measure_form(numbers.port, form, size=20_000_000, before_seconds=0.2)
    )

    assert figures["status"] in ((200,) if form == "flat list" else (200, 413))
    assert_answered(figures["others"])


@pytest.mark.parametrize("form", large_answers.FORMS)
def test_a_large_answer_lets_the_others_be_answered(numbers, texts, form):
    served = numbers if large_answers.FORMS[form][0] == "FP32" else texts
    figures = asyncio.run(
        large_answers.measure_form(served.port, form, size=10_000_000, before_seconds=0.2)
    )

    assert figures["status"] == 200
    assert_answered(figures["others"])


def test_bombs_take_no_more_memory_than_is_promised(tmp_path):
    figures = asyncio.run(bombs.measure(tmp_path, bombs=20))

    assert set(figures["outcomes"]) <= {"400", "413", "429"}
    grown = figures["memory at its peak, MiB"] - figures["memory before, MiB"]
    assert grown <= figures["promised, MiB"]
    assert figures["ready after"]


@pytest.mark.parametrize("name", slow_clients.ATTACKS)
def test_clients_that_hold_connections_do_not_affect_others(short_timeouts, monkeypatch, name):
    for count in ("IDLE_CONNECTIONS", "SLOW_CLIENTS", "NEVER_READING"):
        monkeypatch.setattr(slow_clients, count, 100)
    attack = slow_clients.ATTACKS[name]
    figures = asyncio.run(
        slow_clients.beside(short_timeouts, attack, seconds=1.5, before_seconds=0.2)
    )

    assert_answered(figures["others"])
    assert figures["memory at its peak, MiB"] < figures["memory before, MiB"] + 100
    assert figures["ready after"]


def test_a_slow_reader_is_served_and_one_that_never_reads_is_cut_off(tmp_path):
    figures = asyncio.run(slow_readers.measure(tmp_path, size=3_000_000, write_timeout_seconds=0.5))

    assert figures["steady reader"]["is whole"], figures
    assert figures["never reads, cut off after, s"] is not None


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_connections_that_never_shake_hands_starve_nobody(tmp_path, monkeypatch):
    monkeypatch.setattr(handshakes, "HANDSHAKE_SECONDS", 1.0)
    monkeypatch.setattr(handshakes, "SECONDS", 1.5)
    figures = asyncio.run(handshakes.measure(tmp_path))

    assert figures["probes answered"] == figures["probes"] > 0
    assert figures["clients answered"] == figures["clients"] > 0
    held = figures["descriptors after the time for a handshake"] - figures["descriptors before"]
    assert held < handshakes.CONNECTIONS / 100


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_memory_descriptors_and_latency_stay_flat(tmp_path):
    seconds = float(os.environ.get("SOAK_SECONDS", soak.SECONDS))
    figures = asyncio.run(soak.measure(tmp_path, seconds=seconds))

    print(figures)
    assert set(figures["outcomes"]) == {"as expected"}
    assert figures["memory growth, %"] < 2
    assert figures["descriptors by tenth"][-1] <= figures["descriptors by tenth"][1] + 2
    p99 = figures["p99 by tenth, ms"]
    assert p99[-1] < 2 * max(p99[1:5])
