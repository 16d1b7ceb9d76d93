from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from longshore.errors import SettingsError
from longshore_k8s.api import ClusterUnreachable
from longshore_k8s.doctor import command
from longshore_k8s.doctor.examination import examine
from longshore_k8s.doctor.links import PLANNED
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.planned import of_documents
from tests.chart import rendering
from tests.doctor.breaks import no_claim, taint, target_down
from tests.doctor.cluster import METRIC, NAMESPACE, FakeCluster, node
from tests.doctor.records import write_record
from tests.doctor.running import run_doctor


@pytest.fixture
def cluster(monkeypatch):
    """What the command finds in place of a cluster."""
    from longshore_k8s import client

    found = FakeCluster()
    monkeypatch.setattr(client, "ClusterClient", lambda kubeconfig, context: found)
    return found


def doctor(*arguments: str) -> tuple[int, str]:
    return run_doctor(command.COMMAND, ["sentiment", "-n", NAMESPACE, *arguments])


def test_the_first_broken_link_is_printed_with_fix_proof_and_page(cluster):
    taint(cluster)

    assert doctor() == (1, (
        "x LS07 scheduling: every node with nvidia.com/gpu (g1) has a taint that this release does "
        "not tolerate: gpu=only:NoSchedule\n"
        "  fix: --set-json 'tolerations="
        '[{"key":"gpu","operator":"Exists","effect":"NoSchedule"}]\'\n'
        "  proof: pod sentiment-1: PodScheduled=False Unschedulable\n"
        "  proof: nodes g1: spec.taints\n"
        "  page: docs/doctor/LS07.md\n"
        "6 links sound, 1 broken, 29 behind it not asked\n"
    ))  # fmt: skip


def test_a_sound_release_ends_with_0_and_says_why_its_count_is_what_it_is(cluster):
    cluster.autoscale()

    assert doctor() == (0, (
        "  longshore_requests_per_second: 20 of it for each pod\n"
        "    the pods export       nothing\n"
        "    Prometheus has        unknown: no object says where it is; "
        "--prometheus NAMESPACE/SERVICE:PORT\n"
        "    the metrics API says  15 sentiment-1\n"
        "    the autoscaler saw    15 for each pod, so it asks for 1 with 1\n"
        "  sentiment: 1 pods, 1 wanted\n"
        "36 links sound\n"
    ))  # fmt: skip


def test_json_has_the_same(cluster):
    taint(cluster)
    code, text = doctor("-o", "json")

    document = json.loads(text)
    assert (code, document["verdict"], document["sound"], document["not_asked"]) == (
        1, "broken", 6, 29
    )  # fmt: skip
    assert document["broken"][0]["code"] == "LS07"


def test_json_has_the_autoscalers_chain(cluster):
    cluster.autoscale()

    (found,) = json.loads(doctor("-o", "json")[1])["autoscaler"]
    assert (found["metric"], found["seen"], found["asks"]) == (METRIC, 15.0, 1)
    assert found["metrics_api"] == {"values": {"sentiment-1": 15.0}, "unknown": ""}
    assert "--prometheus" in found["prometheus"]["unknown"]


@pytest.mark.parametrize("text", ["", "prometheus:9090", "monitoring/prometheus", "a/b:9/c"])
def test_a_prometheus_that_is_no_service_is_a_mistake_of_use(cluster, text):
    with pytest.raises(SettingsError, match="is no NAMESPACE/SERVICE:PORT"):
        doctor("--prometheus", text)


def test_the_prometheus_that_is_named_is_asked(cluster):
    target_down(cluster)

    code, text = doctor("--prometheus", "monitoring/prometheus:9090")
    assert (code, text[:6]) == (1, "x LS29")


def test_a_capacity_file_is_compared(cluster, tmp_path):
    file = tmp_path / "capacity.yaml"
    write_record(file.with_suffix(".json"), memory_peak=2**31)

    code, text = doctor("--capacity", str(file))
    assert code == 0
    assert "the memory limit of 1Gi is below the peak that was measured, 2Gi" in text


def test_a_missing_right_ends_with_3_and_is_named(cluster):
    cluster.forbidden = {"persistentvolumeclaims"}

    code, text = doctor()
    assert code == 3
    assert (
        "? LS12, LS13: could not be told without the right to list persistentvolumeclaims in prod"
        in text
    )


def test_without_the_right_to_see_the_release_nothing_is_said_of_it(cluster):
    cluster.forbidden = {"pods"}

    assert doctor() == (3, (
        "? LS01: could not be told without the right to list pods in prod\n"
        "0 links sound, 1 unknown, 35 behind it not asked\n"
    ))  # fmt: skip


def test_a_cluster_that_does_not_answer_ends_with_3(cluster, monkeypatch, capsys):
    def get(path, **query):
        raise ClusterUnreachable("https://10.0.0.1: timed out")

    monkeypatch.setattr(cluster, "get", get)

    assert doctor() == (3, "")
    assert "no answer from https://10.0.0.1" in capsys.readouterr().err


def test_a_name_that_is_no_release_is_a_mistake_of_use_and_tells_which_there_are(cluster, capsys):
    assert run_doctor(command.COMMAND, ["sentimental", "-n", NAMESPACE])[0] == 2
    assert "it holds sentiment" in capsys.readouterr().err


def test_it_looks_again_until_the_release_is_sound(cluster, monkeypatch, clock):
    no_claim(cluster)
    looks = []

    def sleep(seconds):
        clock.advance(seconds)
        looks.append(seconds)
        if len(looks) == 3:
            cluster.__init__()

    monkeypatch.setattr(command.time, "sleep", sleep)
    monkeypatch.setattr(command.time, "monotonic", clock)

    assert doctor("--wait", "60")[0] == 0
    assert len(looks) == 3


def test_it_waits_no_longer_than_it_is_told(cluster, monkeypatch, clock):
    no_claim(cluster)
    monkeypatch.setattr(command.time, "sleep", clock.advance)
    monkeypatch.setattr(command.time, "monotonic", clock)
    begun = clock()

    assert doctor("--wait", "7")[0] == 1
    assert clock() - begun == pytest.approx(7.0)


def planned(cluster: FakeCluster, values: dict) -> list[str]:
    """The broken links of an install of the chart with these values."""
    made = rendering.render(values, name="sentiment")
    release = of_documents("sentiment", NAMESPACE, made)
    found = examine(release, Objects(cluster, NAMESPACE), PLANNED, asks_all=True)
    return [rule.code for rule, _ in found.broken]


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ({}, []),
        ({"device": "gpu"}, ["LS05"]),
        ({"nodeSelector": {"disk": "fast"}}, ["LS08"]),
        ({"resources": {"requests": {"memory": "64Gi"}}}, ["LS10"]),
        ({"model": {"existingClaim": "absent"}}, ["LS12"]),
        ({"model": {"claim": {"create": True, "storageClassName": "fast"}}}, ["LS13"]),
        ({"autoscaling": {"mode": "hpa"}}, ["LS24"]),
        ({"metrics": {"podMonitor": {"enabled": True}}}, ["LS28"]),
        ({"metrics": {"podMonitor": {"enabled": True, "labels": {"team": "a"}}}}, []),
    ],
)
def test_an_install_that_is_still_to_be_made_is_judged_by_what_it_would_create(values, codes):
    cluster = FakeCluster()
    main = {"podMonitorSelector": {"matchLabels": {"team": "a"}}, "podMonitorNamespaceSelector": {}}
    cluster.lists["prometheuses"] = [
        {"metadata": {"name": "main", "namespace": "monitoring"}, "spec": main}
    ]
    assert planned(cluster, values) == codes


def test_a_taint_is_found_before_an_install():
    cluster = FakeCluster()
    cluster.lists["nodes"] = [node("n1", taints=["team=a:NoSchedule"])]

    assert planned(cluster, {}) == ["LS07"]


def test_values_that_the_chart_refuses_are_a_mistake_of_use():
    with pytest.raises(SettingsError, match="renders no Deployment"):
        of_documents("sentiment", NAMESPACE, [{"kind": "Service", "metadata": {"name": "a"}}])


def test_the_command_is_an_entry_point_and_imports_no_client_before_it_runs():
    import tomllib

    root = Path(__file__).parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    module = project["entry-points"]["longshore.commands"]["doctor"].partition(":")[0]
    code = f"import sys, {module}; sys.exit('kubernetes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=root / "server").returncode == 0
