from __future__ import annotations

from longshore_k8s.capacity.rate_text import rate_text
from longshore_k8s.capacity.report import ranking
from longshore_k8s.capacity.sizes import Prices, rank


def test_sizes_are_ranked_by_what_1000_requests_a_second_cost():
    sizes = rank([(1.0, 512, 100.0), (2.0, 512, 250.0), (4.0, 1024, 300.0)], Prices(1.0, 0.1))

    assert [size.cpus for size in sizes] == [2.0, 1.0, 4.0]
    assert sizes[0].cost == 4 * (2 + 0.05)
    assert ranking(sizes)[0].startswith("sizes")
    assert "8.2 per 1,000 req/s" in ranking(sizes)[0]


def test_memory_that_costs_most_makes_the_small_pod_cheapest():
    sizes = rank([(1.0, 512, 100.0), (2.0, 4096, 250.0)], Prices(1.0, 1.0))

    assert sizes[0].cpus == 1.0


def test_rates_have_four_digits_and_thousands_apart():
    assert [rate_text(rate) for rate in (19.332, 402.4, 10_254.0)] == ["19.33", "402.4", "10,254"]
