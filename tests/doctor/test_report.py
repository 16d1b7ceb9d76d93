from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from longshore.errors import SettingsError
from longshore_k8s.api import ClusterUnreachable
from longshore_k8s.doctor import command
from longshore_k8s.doctor.advice import advise
from longshore_k8s.doctor.autoscaler import Metric
from longshore_k8s.doctor.count_reason import asked, explain
from longshore_k8s.doctor.examination import examine
from longshore_k8s.doctor.links import PLANNED
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.planned import of_documents
from longshore_k8s.doctor.release import Release
from tests.chart import rendering
from tests.doctor.breaks import no_claim, taint
from tests.doctor.cluster import NAMESPACE, FakeCluster, node
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
        "4 links sound, 1 broken, 25 behind it not asked\n"
    ))  # fmt: skip


def test_a_sound_release_ends_with_0_and_says_why_its_count_is_what_it_is(cluster):
    cluster.autoscale()

    assert doctor() == (0, (
        "  longshore_requests_per_second: the autoscaler saw 15 of 20 per pod, so it asks for 1 "
        "with 1 pods; the metrics API answers 15 now\n"
        "  sentiment: 1 pods, 1 wanted\n"
        "30 links sound\n"
    ))  # fmt: skip


def test_json_has_the_same(cluster):
    taint(cluster)
    code, text = doctor("-o", "json")

    document = json.loads(text)
    assert (code, document["verdict"], document["sound"], document["not_asked"]) == (
        1, "broken", 4, 25
    )  # fmt: skip
    assert document["broken"][0]["code"] == "LS07"


def test_a_missing_right_ends_with_3_and_is_named(cluster):
    cluster.forbidden = {"persistentvolumeclaims"}

    code, text = doctor()
    assert code == 3
    assert (
        "? LS12, LS13: could not be told without the right to list persistentvolumeclaims in prod"
        in text
    )


def test_without_the_right_to_see_the_release_nothing_is_said_of_it(cluster, capsys):
    cluster.forbidden = {"pods"}

    assert doctor() == (3, "")
    assert "without the right to list pods in prod" in capsys.readouterr().err


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


@pytest.mark.parametrize(
    ("seen", "pods", "count"),
    [(46.9, 3, 8), (21.9, 3, 3), (22.1, 3, 4), (5, 4, 1), (18.1, 2, 2), (None, 2, None)],
)
def test_the_count_follows_by_the_controllers_arithmetic(seen, pods, count):
    assert asked(Metric("Pods", "m", 20.0, seen), pods) == count


@pytest.mark.parametrize(
    ("kind", "reason", "words"),
    [
        ("ScalingLimited", "TooManyReplicas", "maxReplicas is 3: --set autoscaling.maxReplicas"),
        ("ScalingLimited", "TooFewReplicas", "minReplicas is 1"),
        ("AbleToScale", "ScaleDownStabilized", "held by the window of `behavior.scaleDown`"),
    ],
)
def test_what_keeps_the_count_from_following_is_told(kind, reason, words):
    cluster = FakeCluster()
    autoscaler = cluster.autoscale(seen="64")
    for condition in autoscaler["status"]["conditions"]:
        if condition["type"] == kind:
            condition |= {"status": "True", "reason": reason}
    objects = Objects(cluster, NAMESPACE)
    told = list(explain(Release.find("sentiment", objects), objects))

    assert "saw 64 of 20 per pod, so it asks for 4 with 1 pods" in told[0]
    assert words in told[1]


def advice(cluster: FakeCluster) -> list[str]:
    objects = Objects(cluster, NAMESPACE)
    return list(advise(Release.find("sentiment", objects), objects))


@pytest.mark.parametrize(
    ("working_set", "peak", "limit", "words"),
    [
        (950, 1000, 1024, "limit of 1Gi is nearly used up: 950Mi"),
        (200, 300, 1024, "far above what was ever used, 300Mi; 1.15 x that is 345Mi"),
        (500, 700, 1024, None),
        (500, None, 8192, None),
        (500, 700, None, None),
    ],
)  # fmt: skip
def test_a_memory_limit_is_judged_by_what_the_pods_export(working_set, peak, limit, words):
    cluster = FakeCluster()
    numbers = {"working_set": working_set, "peak": peak, "limit": limit}
    text = "".join(
        f"longshore_memory_{name}_bytes {number * 2**20:.9e}\n"
        for name, number in numbers.items()
        if number is not None
    )
    cluster.texts[f"/api/v1/namespaces/{NAMESPACE}/pods/sentiment-1:8002/proxy/metrics"] = text

    assert [words in one for one in advice(cluster)] == ([] if words is None else [True])


def test_a_model_on_ephemeral_storage_is_told():
    cluster = FakeCluster()
    cluster.spec["volumes"] = [{"name": "model", "emptyDir": {}}]

    assert ["ephemeral storage" in one for one in advice(cluster)] == [True]


def planned(cluster: FakeCluster, values: dict) -> list[str]:
    """The broken links of an install of the chart with these values."""
    text = yaml.safe_dump_all(rendering.render(values, name="sentiment"))
    release = of_documents("sentiment", NAMESPACE, text)
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
    ],
)
def test_an_install_that_is_still_to_be_made_is_judged_by_what_it_would_create(values, codes):
    assert planned(FakeCluster(), values) == codes


def test_a_taint_is_found_before_an_install():
    cluster = FakeCluster()
    cluster.lists["nodes"] = [node("n1", taints=["team=a:NoSchedule"])]

    assert planned(cluster, {}) == ["LS07"]


def test_values_that_the_chart_refuses_are_a_mistake_of_use():
    with pytest.raises(SettingsError, match="renders no Deployment"):
        of_documents("sentiment", NAMESPACE, "kind: Service\nmetadata: {name: a}\n")


def test_the_command_is_an_entry_point_and_imports_no_client_before_it_runs():
    import tomllib

    root = Path(__file__).parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    module = project["entry-points"]["longshore.commands"]["doctor"].partition(":")[0]
    code = f"import sys, {module}; sys.exit('kubernetes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=root / "server").returncode == 0
