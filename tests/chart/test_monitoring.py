"""How a release is scraped, alerted on and shown."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import helm_python
import pytest
import yaml

from tests.chart import rendering
from tests.chart.engines import Engine, RefusedError
from tests.chart.rendering import CHART, FULLNAME, NAMESPACE
from tests.cluster.tools import build

MONITORS = {"PodMonitor", "ServiceMonitor"}
SECONDS = {"s": 1, "m": 60}


def scrape_annotations(metrics: dict[str, object]) -> dict[str, str]:
    template = rendering.only("Deployment", {"metrics": metrics})["spec"]["template"]
    annotations = template["metadata"]["annotations"]
    return {name: value for name, value in annotations.items() if "prometheus.io" in name}


def alerts(**values: object) -> list[rendering.Object]:
    shown = {"metrics": {"prometheusRule": {"enabled": True}}, **values}
    (group,) = rendering.only("PrometheusRule", shown)["spec"]["groups"]
    rules: list[rendering.Object] = group["rules"]
    return rules


def alert_names(**values: object) -> set[str]:
    return {rule["alert"] for rule in alerts(**values)}


def seconds(duration: str) -> int:
    return int(duration[:-1]) * SECONDS[duration[-1]]


def test_without_the_operator_pods_say_how_they_are_scraped():
    assert rendering.kinds({}) & MONITORS == set()
    assert scrape_annotations({}) == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "8002",
        "prometheus.io/path": "/metrics",
    }


def test_annotations_can_be_left_out_and_added():
    assert scrape_annotations({"annotations": {"enabled": False}}) == {}
    both = {"podMonitor": {"enabled": True}, "annotations": {"enabled": True}}
    assert len(scrape_annotations(both)) == 3


@pytest.mark.parametrize("kind", sorted(MONITORS))
def test_a_monitor_takes_the_place_of_the_annotations(kind: str):
    key = kind[0].lower() + kind[1:]
    metrics = {key: {"enabled": True, "labels": {"release": "stack"}}}
    monitor = rendering.only(kind, {"metrics": metrics})
    (endpoint,) = monitor["spec"].get("podMetricsEndpoints") or monitor["spec"]["endpoints"]

    assert rendering.kinds({"metrics": metrics}) & MONITORS == {kind}
    assert scrape_annotations(metrics) == {}
    assert monitor["metadata"]["labels"]["release"] == "stack"
    assert (endpoint["port"], endpoint["path"]) == ("management", "/metrics")


@pytest.mark.parametrize("kind", sorted(MONITORS))
def test_a_monitor_finds_its_pods_after_a_gitops_tool_has_rewritten_the_labels(
    engine: Engine, kind: str
):
    """Argo CD sets `app.kubernetes.io/instance` of every object to its application's name, but not
    that of the pods in a Deployment.
    """
    key = kind[0].lower() + kind[1:]
    objects = engine({"metrics": {key: {"enabled": True}}}, "")
    for entry in objects:
        entry["metadata"]["labels"]["app.kubernetes.io/instance"] = "argo-application"
    (monitor,) = [entry for entry in objects if entry["kind"] == kind]
    selected = monitor["spec"]["selector"]["matchLabels"].items()
    places = {
        "ServiceMonitor": [o["metadata"] for o in objects if o["kind"] == "Service"],
        "PodMonitor": [
            o["spec"]["template"]["metadata"] for o in objects if o["kind"] == "Deployment"
        ],
    }

    assert len([place for place in places[kind] if selected <= place["labels"].items()]) == 1


def test_the_actions_of_relabelings_are_written_out(engine: Engine):
    """Where they are not, the operator's definition adds them, and Argo CD shows a difference."""
    labels = {"sourceLabels": ["pod"], "targetLabel": "instance"}
    drop = {"action": "labeldrop", "regex": "endpoint"}
    monitor = {"enabled": True, "relabelings": [labels, drop], "metricRelabelings": [labels]}

    found = endpoint(engine({"metrics": {"podMonitor": monitor}}, ""))
    assert found["relabelings"] == [{**labels, "action": "replace"}, drop]
    assert found["metricRelabelings"] == [{**labels, "action": "replace"}]


def test_a_service_monitor_finds_each_pod_through_one_service_which_no_load_balancer_has():
    metrics = {"serviceMonitor": {"enabled": True}}
    objects = rendering.render({"metrics": metrics, "service": {"type": "LoadBalancer"}})
    services = [entry for entry in objects if entry["kind"] == "Service"]
    (scraped,) = [
        entry
        for entry in services
        if "management" in {port["name"] for port in entry["spec"]["ports"]}
    ]

    assert scraped["spec"]["clusterIP"] == "None"
    assert rendering.SELECTOR.items() <= scraped["metadata"]["labels"].items()
    assert len(services) == 2
    assert [port["name"] for port in rendering.only("Service", {})["spec"]["ports"]] == ["http"]


def test_two_monitors_at_once_are_refused():
    metrics = {"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}}

    with pytest.raises(helm_python.HelmRenderError, match="enable one of them"):
        rendering.render({"metrics": metrics})


def test_where_the_cluster_has_the_operator_a_pod_monitor_is_the_default():
    helm = shutil.which("helm") or next(
        (str(tool.cached) for tool in build.TOOLS if tool.name == "helm" and tool.cached.exists()),
        None,
    )
    if helm is None:
        pytest.skip("needs helm, which takes the cluster's API versions: make cluster-tools")
    named = "--set=model.existingClaim=models,image.repository=longshore"
    command = [helm, "template", "release", str(CHART), named]
    operator = "--api-versions=monitoring.coreos.com/v1/PodMonitor"
    found = []
    for options in ([operator], [operator, "--set=metrics.podMonitor.enabled=false"], []):
        text = subprocess.run([*command, *options], capture_output=True, check=True, text=True)
        objects = [entry for entry in yaml.safe_load_all(text.stdout) if entry]
        found.append("PodMonitor" in {entry["kind"] for entry in objects})

    assert found == [True, False, False]


def endpoint(objects: list[rendering.Object]) -> rendering.Object:
    """How the release's monitor scrapes."""
    (spec,) = [entry["spec"] for entry in objects if entry["kind"] in MONITORS]
    (found,) = spec.get("podMetricsEndpoints") or spec["endpoints"]
    return dict(found)


@pytest.mark.parametrize("key", ["podMonitor", "serviceMonitor"])
@pytest.mark.parametrize(
    ("interval", "timeout", "window"),
    [
        ("500ms", "500ms", "20s"), ("5s", "5s", "20s"), ("15s", "10s", "1m"), ("30s", "10s", "2m"),
        ("1m30s", "10s", "6m"), ("7s", "7s", "28s"), ("1h", "10s", "240m"),
    ],
)  # fmt: skip
def test_timeout_and_windows_follow_the_interval(
    engine: Engine, key: str, interval: str, timeout: str, window: str
):
    """W >= 4 S: two samples are left in a rate's window when a scrape fails."""
    keda = {"mode": "keda", "keda": {"serverAddress": "http://prometheus"}}
    metrics = {key: {"enabled": True, "interval": interval}}
    objects = engine({"metrics": metrics, "autoscaling": keda}, "")
    (scaled,) = [entry["spec"] for entry in objects if entry["kind"] == "ScaledObject"]
    queries = [trigger["metadata"]["query"] for trigger in scaled["triggers"]]

    assert endpoint(objects)["interval"] == interval
    assert endpoint(objects)["scrapeTimeout"] == timeout
    assert {*re.findall(r"\[(\w+)\]", "".join(queries))} == {window}


@pytest.mark.parametrize("key", ["podMonitor", "serviceMonitor"])
def test_a_timeout_above_the_interval_is_refused(engine: Engine, key: str):
    longer = {key: {"enabled": True, "interval": "1m", "scrapeTimeout": "1m30s"}}
    equal = {key: {"enabled": True, "interval": "1m30s", "scrapeTimeout": "90s"}}

    assert endpoint(engine({"metrics": equal}, ""))["scrapeTimeout"] == "90s"
    with pytest.raises(RefusedError, match=rf"metrics\.{key}: scrapeTimeout 1m30s is longer"):
        engine({"metrics": longer}, "")


@pytest.mark.parametrize("interval", ["0s", "", "15", "15 s", "1s1m"])
def test_an_interval_that_is_no_duration_is_refused(engine: Engine, interval: str):
    with pytest.raises(RefusedError, match="interval"):
        engine({"metrics": {"podMonitor": {"interval": interval}}}, "")


def test_the_windows_of_the_adapters_rules_hold_four_scrapes_of_a_monitor():
    rules = yaml.safe_load((CHART / "files/prometheus-adapter-values.yaml").read_text("utf-8"))
    windows = {seconds(window) for window in re.findall(r"\[(\d+[sm])\]", str(rules))}
    monitored = rendering.render({"metrics": {"podMonitor": {"enabled": True}}})

    assert min(windows) >= 4 * seconds(endpoint(monitored)["interval"])


def test_alerts_and_dashboard_are_opt_in():
    assert "PrometheusRule" not in rendering.kinds({})
    assert [o for o in rendering.render({}) if "dashboard" in o["metadata"]["name"]] == []


def test_every_fault_has_an_alert():
    common = {
        "LongshoreErrorBudgetBurn", "LongshoreSaturated", "LongshoreNoPodReady",
        "LongshorePodNotReady", "LongshoreDrainOverrun", "LongshoreModelLoadFailed",
        "LongshoreCandidateHarmful",
    }  # fmt: skip

    assert alert_names() == common
    assert alert_names(autoscaling={"mode": "hpa"}) == {*common, "LongshoreAutoscalerStuck"}
    assert alert_names(replicas=0) == common - {"LongshoreNoPodReady"}


def test_the_readme_tells_of_every_alert():
    told = re.findall(
        r"^\| `(Longshore\w+)`", (CHART / "README.md").read_text("utf-8"), re.MULTILINE
    )

    assert set(told) == alert_names(autoscaling={"mode": "hpa"})


def test_every_alert_says_what_it_means_and_looks_at_its_own_release():
    for rule in alerts(autoscaling={"mode": "hpa", "metrics": {"concurrency": 4}}):
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert FULLNAME in rule["labels"]["release"]
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
        for matchers in re.findall(r"\{(namespace.*?)\}(?:\[|\)| |$)", rule["expr"]):
            assert matchers.startswith(f'namespace="{NAMESPACE}",pod=~"{FULLNAME}-'), rule["alert"]


def test_alerts_of_pods_and_of_the_autoscaler_say_how_the_broken_link_is_found():
    command = f"`longshore doctor {rendering.RELEASE} -n {NAMESPACE}`"
    found = alerts(autoscaling={"mode": "hpa"})
    pointing = {r["alert"] for r in found if command in r["annotations"]["description"]}

    assert pointing == {"LongshoreNoPodReady", "LongshorePodNotReady", "LongshoreAutoscalerStuck"}


def test_the_objective_sets_the_burn():
    metrics = {"prometheusRule": {"enabled": True, "objective": 0.99}}
    burn = [r for r in alerts(metrics=metrics) if r["alert"] == "LongshoreErrorBudgetBurn"]

    assert [re.findall(r"> ([\d.]+)", rule["expr"]) for rule in burn] == [
        ["0.144", "0.144"],
        ["0.06", "0.06"],
    ]


def test_a_drain_that_runs_to_its_end_is_scraped_above_the_threshold():
    (rule,) = [rule for rule in alerts() if rule["alert"] == "LongshoreDrainOverrun"]
    config = rendering.server_config({})
    budget = config["drain_delay_seconds"] + config["drain_timeout_seconds"]
    threshold = float(rule["expr"].rpartition("> ")[2])

    assert (1 - threshold) * budget >= 15


def test_own_rules_are_appended():
    extra = {"alert": "Idle", "expr": "vector(1)"}
    metrics = {"prometheusRule": {"enabled": True, "extraRules": [extra]}}

    assert alerts(metrics=metrics)[-1] == extra


def test_the_dashboard_is_that_of_the_release():
    values = {"metrics": {"dashboard": {"enabled": True, "annotations": {"folder": "Models"}}}}
    (shown,) = [o for o in rendering.render(values) if o["metadata"]["name"].endswith("-dashboard")]
    (text,) = shown["data"].values()
    dashboard = json.loads(text)
    variables = {v["name"]: v.get("query") for v in dashboard["templating"]["list"]}

    assert shown["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert shown["metadata"]["annotations"] == {"folder": "Models"}
    assert variables == {"datasource": "prometheus", "namespace": NAMESPACE, "release": FULLNAME}
    assert FULLNAME in dashboard["title"]
    plain = json.loads((CHART / "files/dashboard.json").read_text("utf-8"))
    assert dashboard["panels"] == [p for p in plain["panels"] if "GPU" not in p["title"]]
    assert dashboard["uid"] != plain["uid"]


def test_a_gpu_release_shows_its_gpus():
    values = {"device": "gpu", "metrics": {"dashboard": {"enabled": True}}}
    (shown,) = [o for o in rendering.render(values) if o["metadata"]["name"].endswith("-dashboard")]
    titles = [panel["title"] for panel in json.loads(*shown["data"].values())["panels"]]

    assert {"GPU memory", "GPU busy"} <= set(titles)
