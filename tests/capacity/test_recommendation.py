from __future__ import annotations

import pytest

from longshore_k8s.capacity.recommendation import Expected, recommend
from tests.capacity.results import MIB, measured
from tests.chart import rendering


def test_what_was_measured_becomes_values_with_the_stated_buffers():
    found = recommend(measured(), 2.0, Expected()).values

    assert found == {
        "resources": {
            "requests": {"cpu": "2", "memory": "464Mi"},
            "limits": {"cpu": "2", "memory": "464Mi"},
        },
        "probes": {"timeoutSeconds": 2, "startup": {"seconds": 8}},
        "longestBatchSeconds": 1,
        "autoscaling": {
            "mode": "hpa",
            "metrics": {"requestsPerSecond": 281, "utilization": 0.65},
        },
        "metrics": {"dashboard": {"kneeUtilization": 0.93}},
    }


@pytest.mark.parametrize("mebibytes", [40, 57, 100, 402, 700, 5000])
def test_the_memory_limit_is_15_percent_over_the_peak_and_at_most_25(mebibytes):
    values = recommend(measured(memory_peak=mebibytes * MIB), 1.0, Expected()).values
    limit = int(values["resources"]["limits"]["memory"].removesuffix("Mi"))

    assert 1.15 * mebibytes <= limit <= 1.25 * mebibytes


def test_the_target_leaves_room_for_what_the_load_grows_until_pods_have_come():
    found = recommend(measured(), 2.0, Expected(growth=0.005))

    lag = 15 + 60 + 15 + 3.1 + 5
    assert found.target_share == pytest.approx(1 / (1.1 * (1 + 0.005 * lag)))
    assert found.requests_per_second == round(402 * found.target_share)
    assert found.values["autoscaling"]["metrics"]["utilization"] == pytest.approx(
        0.93 * found.target_share, abs=0.006
    )


def test_a_slow_pod_has_a_target_with_a_decimal():
    found = recommend(measured(knee=19.33), 0.5, Expected())

    assert found.values["autoscaling"]["metrics"]["requestsPerSecond"] == 13.5
    assert found.values["resources"]["limits"]["cpu"] == "500m"


def test_the_highest_rate_says_how_many_pods_there_may_be():
    found = recommend(measured(), 2.0, Expected(peak_rate=3000)).values

    assert found["autoscaling"]["maxReplicas"] == 11


def test_a_large_model_may_read_for_longer_than_from_the_page_cache():
    small = recommend(measured(), 2.0, Expected()).values
    large = recommend(measured(), 2.0, Expected(model_bytes=1000 * MIB)).values

    more = large["probes"]["startup"]["seconds"] - small["probes"]["startup"]["seconds"]
    assert more == pytest.approx(1.5 * 1000 / 50, abs=1)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"knee": 3.21, "longest_batch_seconds": 4.2, "cold_seconds": (40.0,)},
        {"knee": 21000.0, "utilization": 0.004, "memory_peak": 60 * MIB},
    ],
)
@pytest.mark.parametrize("cpus", [0.25, 1.0, 4.0])
def test_the_chart_takes_the_values_as_they_are(engine, changes, cpus):
    values = recommend(measured(**changes), cpus, Expected(peak_rate=5000)).values

    objects = engine({"model": {"existingClaim": "models"}, **values}, "")

    scaler = next(entry for entry in objects if entry["kind"] == "HorizontalPodAutoscaler")
    names = {metric["pods"]["metric"]["name"] for metric in scaler["spec"]["metrics"]}
    assert len(names) == 2
    deployment = next(entry for entry in objects if entry["kind"] == "Deployment")
    server = deployment["spec"]["template"]["spec"]["containers"][0]
    assert server["resources"] == values["resources"]


def test_nothing_but_keys_of_the_charts_values_is_written():
    def keys(block, known, path=""):
        for key, value in block.items():
            assert key in known, f"{path}{key}"
            if isinstance(value, dict) and known[key]:
                keys(value, known[key], f"{path}{key}.")

    keys(recommend(measured(), 2.0, Expected(peak_rate=9)).values, rendering.chart().values)
