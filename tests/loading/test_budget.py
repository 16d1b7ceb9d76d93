"""One budget for everything that a load tries, by a clock of the tests' own."""

from __future__ import annotations

import functools

import pytest

from longshore.backends.identity_backend import IdentityBackend
from longshore.loading import model_loader
from longshore.loading.budget import Budget, BudgetSpent
from longshore.repository.model_config import ModelConfig, ModelInput, Padding
from longshore.tensors import Datatype

BUDGET = 10.0
PADDED = ModelConfig(
    input=(ModelInput("INPUT0", Datatype.FP32, (-1,), {0: Padding(buckets=(8, 16))}),)
)


@pytest.fixture
def priced(monkeypatch, clock):
    """Let executions advance the clock by a time that depends on their rows; returns the times."""
    paid: list[float] = []

    def price(seconds) -> list[float]:
        execute = IdentityBackend.execute

        def expensive(self, inputs, output_names):
            paid.append(seconds(len(next(iter(inputs.values())))))
            clock.advance(paid[-1])
            return execute(self, inputs, output_names)

        monkeypatch.setattr(IdentityBackend, "execute", expensive)
        monkeypatch.setattr(model_loader, "Budget", functools.partial(Budget, clock=clock))
        return paid

    return price


@pytest.mark.parametrize(
    "seconds",
    [
        lambda rows: 0.05, lambda rows: 0.3, lambda rows: 0.9, lambda rows: 2.5,
        lambda rows: 30.0, lambda rows: 0.1 * rows, lambda rows: 0.5 * rows,
        lambda rows: 1.5 * rows**2,
    ],
    ids=["cheap", "0.3 s", "0.9 s", "2.5 s", "30 s", "by row", "dear by row", "square"],
)  # fmt: skip
@pytest.mark.parametrize("config", [None, PADDED], ids=["plain", "padded"])
@pytest.mark.parametrize("options", [{}, {"max_batch_size": 4}, {"threads": 4}])
def test_all_that_is_tried_takes_the_budget_and_at_most_one_execution_more(
    load_identity, priced, seconds, config, options
):
    paid = priced(seconds)

    # One CPU: executions beside each other would move the one clock twice.
    load_identity(config=config, calibration_budget_seconds=BUDGET, cpus=1, **options)

    assert sum(paid) <= BUDGET + max(paid)


def test_a_model_whose_proof_does_not_fit_is_not_batched_and_says_so(load_identity, priced):
    priced(lambda rows: 2.5)

    loaded = load_identity(calibration_budget_seconds=BUDGET)

    assert loaded.has_run
    assert not loaded.plan.is_batched
    assert any(
        note.startswith("not batched: the proof was not finished: ") and "10 s" in note
        for note in loaded.plan.notes
    )
    assert loaded.plan.cost.seconds(1) == pytest.approx(2.5)
    assert "not measured: the first executions say what a batch costs" in loaded.plan.notes


def test_a_budget_that_is_large_enough_leaves_nothing_out(load_identity, priced):
    priced(lambda rows: 2.5)

    plan = load_identity(calibration_budget_seconds=1000.0).plan

    assert plan.is_batched
    assert not any("budget" in note for note in plan.notes)


def test_what_was_not_decided_for_want_of_time_is_tried_again(load_identity, priced, tmp_path):
    priced(lambda rows: 2.5)
    options = {"calibration_cache": tmp_path / "cache"}

    for budget in (BUDGET, BUDGET, 1000.0):
        plan = load_identity(calibration_budget_seconds=budget, **options).plan
        assert plan.source == "measured"
        assert plan.is_batched == (budget == 1000.0)
    assert load_identity(calibration_budget_seconds=1000.0, **options).plan.source == "cached"


def test_what_is_done_while_it_is_paused_costs_nothing(clock):
    budget = Budget(1.0, clock)
    with budget.paused():
        clock.advance(60.0)
    assert budget.allows(0.9)

    clock.advance(0.5)

    assert not budget.allows(0.6)
    assert budget.has_stopped
    with pytest.raises(BudgetSpent, match="budget of 1 s"):
        budget.demand(0.6)
