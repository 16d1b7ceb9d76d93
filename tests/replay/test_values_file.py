from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from longshore.errors import SettingsError
from longshore_k8s.replay import values_file
from longshore_k8s.replay.autoscaler import Policy, Select
from tests.chart import rendering

CHART = Path(__file__).parents[2] / "chart/values.yaml"
HPA = {"autoscaling": {"mode": "hpa"}}
KEDA = {"mode": "keda", "keda": {"serverAddress": "http://prometheus:9090"}}


@pytest.fixture
def values_of(tmp_path):
    def write_and_read(*documents: object) -> values_file.Json:
        paths = []
        for index, document in enumerate(documents):
            paths.append(tmp_path / f"{index}.yaml")
            paths[-1].write_text(yaml.safe_dump(document), encoding="utf-8")
        return values_file.read_values(paths)

    return write_and_read


def test_the_defaults_are_the_charts():
    chart = yaml.safe_load(CHART.read_text(encoding="utf-8"))
    ours = values_file.CHART_DEFAULTS

    metrics = {
        key: None if value == "none" else value
        for key, value in chart["autoscaling"]["metrics"].items()
    }
    assert ours["autoscaling"]["metrics"] == metrics
    for key in ("mode", "minReplicas", "maxReplicas", "custom", "behavior"):
        assert ours["autoscaling"][key] == chart["autoscaling"][key], key
    assert ours["autoscaling"]["keda"].items() <= chart["autoscaling"]["keda"].items()
    for key, block in ours["metrics"].items():
        assert block.items() <= chart["metrics"][key].items(), key


def test_later_values_win_and_the_rest_is_the_charts(values_of):
    plan = values_file.autoscaler(
        values_of(HPA, {"autoscaling": {"maxReplicas": 9, "metrics": {"concurrency": 2.5}}})
    )

    assert (plan.minimum, plan.maximum) == (1, 9)
    assert plan.targets == {"utilization": 700, "concurrency": 2500}
    assert plan.down.policies == (Policy(False, 1, 60),)


def test_a_behavior_is_completed_as_by_the_api_server(values_of):
    told = {"scaleUp": {"selectPolicy": "Min", "tolerance": "50m"}, "scaleDown": None}
    plan = values_file.autoscaler(values_of(HPA, {"autoscaling": {"behavior": told}}))

    assert plan.up.select is Select.MIN
    assert plan.up.tolerance == 0.05
    assert plan.up.window_seconds == 0
    assert not values_file.autoscaler(
        values_of(HPA, {"autoscaling": {"behavior": None}})
    ).has_behavior


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"mode": "none"}, "autoscaling.mode is 'none'"),
        ({"minReplicas": 0}, "minReplicas 0"),
        ({"minReplicas": 6}, "minReplicas 6 and maxReplicas 5"),
        ({"maxReplicas": "5"}, "autoscaling.maxReplicas is '5'"),
        ({"metrics": {"cpu": 80}}, "metrics.cpu: .* not cpu"),
        ({"metrics": {"utilization": "none"}}, "no metric has a target"),
        ({"metrics": {"utilization": "high"}}, "metrics.utilization is 'high'"),
        ({"metrics": {"utilization": 0.0001}}, "at least 0.001"),
        ({"custom": [{"type": "External"}]}, "autoscaling.custom"),
        ({"behavior": {"scaleUp": {"policies": []}}}, "behavior.scaleUp: policies is empty"),
        ({"behavior": {"scaleDown": {"selectPolicy": "Most"}}}, "behavior.scaleDown: 'Most'"),
        ({"behavior": {"scaleUp": {"policies": [{"type": "Pods"}]}}}, "behavior.scaleUp: 'value'"),
    ],
)
def test_values_that_cannot_be_replayed_are_refused_by_key(values_of, told, says):
    with pytest.raises(SettingsError, match=says):
        values_file.autoscaler(values_of(HPA, {"autoscaling": told}))


def test_files_that_are_no_values_are_refused(tmp_path, values_of):
    with pytest.raises(SettingsError, match="cannot be read"):
        values_file.read_values([tmp_path / "absent.yaml"])
    with pytest.raises(SettingsError, match="no mapping"):
        values_of(["a"])


@pytest.mark.parametrize(("text", "seconds"), [("15s", 15), ("1m", 60), ("500ms", 0.5)])
@pytest.mark.parametrize("monitor", ["podMonitor", "serviceMonitor", "annotations"])
def test_the_scrape_interval_is_of_what_the_chart_has_scrape_the_pods(
    values_of, monitor, text, seconds
):
    metrics = {
        key: {"enabled": key == monitor, "interval": "7s"}
        for key in ("podMonitor", "serviceMonitor", "annotations")
    }
    metrics[monitor]["interval"] = text
    values = {"metrics": metrics}

    assert values_file.scrape_interval_ms(values_of(values)) == 1000 * seconds
    assert chart_window(values | {"autoscaling": KEDA}) == max(20, 4 * seconds)


def chart_window(values):
    """Seconds of the window of KEDA's queries, as the chart renders them."""
    scaled = rendering.only("ScaledObject", values)
    query = scaled["spec"]["triggers"][0]["metadata"]["query"]
    number, unit = re.search(r"\[(\d+)([sm])\]", query).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


def test_without_a_word_a_pod_monitor_scrapes(values_of):
    assert values_file.scrape_interval_ms(values_of({})) == 15_000


@pytest.mark.parametrize("monitor", ["podMonitor", "serviceMonitor"])
def test_a_scrape_interval_that_is_none_is_refused_by_its_key(values_of, monitor):
    told = {"metrics": {monitor: {"enabled": True, "interval": "often"}}}
    with pytest.raises(SettingsError, match=rf"metrics\.{monitor}\.interval is 'often'"):
        values_file.scrape_interval_ms(values_of(told))


@pytest.mark.parametrize(("told", "seconds"), [({}, None), ({"pollingInterval": 45}, 45)])
def test_kedas_polling_interval_is_read(values_of, told, seconds):
    values = values_of({"autoscaling": {"keda": told}})
    assert values_file.polling_seconds(values) == seconds


@pytest.mark.parametrize("value", [0, True, "30s", 1.5])
def test_a_polling_interval_that_is_none_is_refused(values_of, value):
    told = {"autoscaling": {"keda": {"pollingInterval": value}}}
    with pytest.raises(SettingsError, match=r"keda\.pollingInterval is"):
        values_file.polling_seconds(values_of(told))


def test_what_was_measured_lies_beside_the_values(tmp_path):
    path = tmp_path / "capacity.yaml"
    assert values_file.measured_beside([path]) == {}

    path.with_suffix(".json").write_text(json.dumps({"knee": 7}), encoding="utf-8")
    assert values_file.measured_beside([path, tmp_path / "more.yaml"]) == {"knee": 7}

    path.with_suffix(".json").write_text("[]", encoding="utf-8")
    with pytest.raises(SettingsError, match="no JSON object"):
        values_file.measured_beside([path])
