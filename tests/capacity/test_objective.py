from __future__ import annotations

import pytest

from longshore.errors import SettingsError
from longshore_k8s.capacity.objective import Objective, parse_objective


@pytest.mark.parametrize(
    ("slo", "errors", "found"),
    [
        ("p99=100ms", "0.1%", Objective(99, 0.1, 0.001)),
        ("p99.9=2s", "0", Objective(99.9, 2.0, 0.0)),
        ("p50=500us", "0.05", Objective(50, 0.0005, 0.05)),
    ],
)
def test_an_objective_is_read_as_it_is_spoken(slo, errors, found):
    objective = parse_objective(slo, errors)

    assert objective.percentile == found.percentile
    assert objective.seconds == pytest.approx(found.seconds)
    assert objective.error_share == pytest.approx(found.error_share)


@pytest.mark.parametrize("slo", ["p99", "100ms", "p100=1s", "p0=1s", "p99=0ms", "p99=5", "p99=-1s"])
def test_what_is_no_objective_is_named_with_an_example(slo):
    with pytest.raises(SettingsError, match=r"--slo: .* as in 'p99=100ms'"):
        parse_objective(slo, "0.1%")


@pytest.mark.parametrize("errors", ["100%", "1", "-1%", "few", "150%"])
def test_a_share_of_errors_is_below_one(errors):
    with pytest.raises(SettingsError, match=r"--errors: .* no share below 1"):
        parse_objective("p99=1s", errors)
