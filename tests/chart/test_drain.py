"""The grace period is one sum, and the server receives its parts."""

from __future__ import annotations

import pytest

from longshore.settings.groups import Settings
from tests.chart import rendering


def grace(values: rendering.Values) -> int:
    seconds: int = rendering.pod_spec(values)["terminationGracePeriodSeconds"]
    return seconds


def test_the_grace_period_covers_every_part_of_the_drain():
    values = {
        "preStopSeconds": 3,
        "longestBatchSeconds": 2.5,
        "config": {"drain_delay_seconds": 4, "request_timeout_seconds": 10},
    }
    config = rendering.server_config(values)

    assert grace(values) == 25  # 3 + 4 + 10 + 2.5 + 5, rounded up
    assert config["drain_delay_seconds"] == 4
    assert config["drain_timeout_seconds"] == 12.5


def test_the_charts_defaults_are_the_servers():
    server = Settings()
    parts = server.lifecycle.drain_delay_seconds + server.batching.request_timeout_seconds
    chart = rendering.chart().values

    expected = chart["preStopSeconds"] + parts + chart["longestBatchSeconds"] + 5
    assert grace({}) == expected
    assert (
        rendering.server_config({})["drain_delay_seconds"] == server.lifecycle.drain_delay_seconds
    )


def test_where_there_is_no_sleep_hook_the_server_waits_as_long():
    old = {"kubeVersion": "1.29.0", "preStopSeconds": 3}

    assert rendering.server_config(old)["drain_delay_seconds"] == 8
    assert rendering.server_config({"preStopSeconds": 3})["drain_delay_seconds"] == 5
    assert grace(old) == grace({"preStopSeconds": 3})


def test_zero_is_a_number():
    values = {"preStopSeconds": 0, "config": {"drain_delay_seconds": 0}, "longestBatchSeconds": 0}

    assert grace(values) == 35
    assert "lifecycle" not in rendering.server(values)
    assert rendering.server_config(values)["drain_delay_seconds"] == 0


def test_a_longer_grace_period_is_obeyed():
    assert grace({"terminationGracePeriodSeconds": 120}) == 120


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ({}, 115),  # 1.5 x (2048 MiB / 50 + 0 + 10 + 3 x 5 + 10) = 113.9, in steps of 5
        ({"device": "gpu"}, 205),
        ({"probes": {"startup": {"modelMebibytes": 0}}}, 55),
        ({"longestBatchSeconds": 30}, 230),
        ({"config": {"calibration_budget_seconds": 100}}, 250),
        ({"probes": {"startup": {"seconds": 7}}}, 10),
    ],
)
def test_the_start_has_the_time_that_the_stated_numbers_ask_for(
    values: rendering.Values, seconds: int
):
    probe = rendering.server(values)["startupProbe"]

    assert probe["periodSeconds"] * probe["failureThreshold"] == seconds


def test_a_rollout_waits_longer_than_a_start():
    spec = rendering.only("Deployment", {"probes": {"startup": {"seconds": 1800}}})["spec"]

    assert spec["progressDeadlineSeconds"] == 1860
    assert rendering.only("Deployment", {})["spec"]["progressDeadlineSeconds"] == 600


def test_each_probe_has_its_own_path_and_none_waits_blindly():
    server = rendering.server({})
    probes = {kind: server[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness")}

    paths = {kind: probe["httpGet"]["path"] for kind, probe in probes.items()}
    assert paths["readiness"] == paths["startup"] == "/v2/health/ready"
    assert paths["liveness"] == "/v2/health/live"
    assert all("initialDelaySeconds" not in probe for probe in probes.values())
    assert {probe["httpGet"]["port"] for probe in probes.values()} == {"management"}
