from __future__ import annotations

import itertools
import json
import random
import re

import pytest

from longshore_k8s.doctor.examination import Verdict
from longshore_k8s.doctor.links import LINKS
from tests.doctor.breaks import (
    BREAKS,
    not_ready,
    quota,
    taint,
)
from tests.doctor.cluster import NAMESPACE, FakeCluster, node, pod

NAMES = [f"{code} {breaks.__name__}" for code, breaks, _ in BREAKS]
ORDER = [rule.code for rule in LINKS]


@pytest.mark.parametrize(("code", "breaks", "words"), BREAKS, ids=NAMES)
def test_a_link_that_is_broken_alone_is_named_first_with_its_cause(code, breaks, words):
    cluster = FakeCluster()
    breaks(cluster)

    found = cluster.examine()

    rule, finding = found.broken[0]
    assert rule.code == code
    assert words in finding.cause
    assert finding.fix
    assert finding.proof
    assert found.verdict is Verdict.BROKEN


def test_every_link_has_a_case_here():
    """But the two before there is a release to look at: `test_report.py`."""
    assert {"LS01", "LS02", *(code for code, _, _ in BREAKS)} == set(ORDER)


@pytest.mark.parametrize("with_autoscaler", [False, True])
def test_a_sound_release_is_silent(with_autoscaler):
    cluster = FakeCluster()
    if with_autoscaler:
        cluster.autoscale()

    found = cluster.examine()
    assert found.broken == found.unknown == ()
    assert found.verdict is Verdict.SOUND
    assert found.sound == len(LINKS)


PAIRS = random.Random(1).sample(
    [pair for pair in itertools.combinations(BREAKS, 2) if pair[0][0] != pair[1][0]], 60
)
OF_A_POD = ("LS05", "LS06", "LS07", "LS08", "LS09", "LS10", "LS11", "LS12", "LS13", "LS14", "LS15",
            "LS16", "LS17", "LS18", "LS19", "LS20", "LS21", "LS22", "LS35")  # fmt: skip
"""Each changes the one pod that there is, so that two of them are not two faults."""
OF_THE_CHAIN = {f"LS{number}" for number in range(23, 35)} - {"LS33"}
"""Each changes the one autoscaler and what is answered to it."""


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pair
        for pair in PAIRS
        if not (pair[0][0] in OF_A_POD and pair[1][0] in OF_A_POD)
        and not {"LS03", "LS04"} & {pair[0][0], pair[1][0]}
        and not {pair[0][0], pair[1][0]} <= OF_THE_CHAIN
    ],
    ids=lambda case: case[1].__name__,
)
def test_of_two_faults_the_earlier_is_named(first, second):
    cluster = FakeCluster()
    first[1](cluster)
    second[1](cluster)
    earlier = min((first[0], second[0]), key=ORDER.index)

    assert cluster.examine().broken[0][0].code == earlier


@pytest.mark.parametrize(("code", "breaks", "words"), BREAKS, ids=NAMES)
def test_without_any_right_but_the_first_nothing_false_is_said(code, breaks, words):
    """A kind that may not be listed makes links unknown, never broken by another name."""
    cluster = FakeCluster()
    breaks(cluster)
    whole = set(cluster.codes())
    for kind in list(cluster.lists):
        if kind in ("deployments", "pods"):
            continue
        cluster.forbidden = {kind}
        found = cluster.examine(asks_all=True)
        assert {rule.code for rule, _ in found.broken} <= whole, kind
        assert found.verdict is not Verdict.SOUND, kind


def test_what_could_not_be_asked_is_told_with_the_right_that_is_missing():
    cluster = FakeCluster()
    cluster.leave_unscheduled()
    cluster.forbidden = {"nodes", "pods of all namespaces", "persistentvolumeclaims"}
    found = cluster.examine(asks_all=True)

    assert ("LS07", "list nodes") in [(rule.code, right) for rule, right in found.unknown]
    cluster = FakeCluster()
    cluster.forbidden = {"persistentvolumeclaims"}
    found = cluster.examine()
    assert found.verdict is Verdict.UNKNOWN
    assert {right for _, right in found.unknown} == {"list persistentvolumeclaims in prod"}


@pytest.mark.parametrize(("code", "breaks", "words"), BREAKS, ids=NAMES)
def test_what_is_found_does_not_hang_on_the_words_of_a_release_of_kubernetes(code, breaks, words):
    cluster = FakeCluster()
    breaks(cluster)
    changed = json.loads(
        re.sub(r'"message": "(?:[^"\\]|\\.)*"', '"message": "otherwise"', json.dumps(cluster.lists))
    )
    cluster.lists = changed

    assert cluster.examine().broken[0][0].code == code


def start(cluster: FakeCluster) -> None:
    """The pod's server loads the model, and its startup probe goes on."""
    not_ready(cluster)
    cluster.pod["status"]["containerStatuses"][0]["started"] = False
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/sentiment-1:8002/proxy/v2/health/ready"
    cluster.answers[path] = (503, {"ready": False, "state": "LOADING"})


def test_a_pod_that_is_still_starting_is_not_one_that_is_not_ready():
    cluster = FakeCluster()
    start(cluster)
    assert cluster.codes() == ["LS36"]

    cluster.pod["status"]["containerStatuses"][0]["started"] = True
    assert cluster.codes() == ["LS22", "LS36"]


def test_a_server_that_was_ended_by_its_startup_probe_and_had_a_reason_is_not_too_slow():
    cluster = FakeCluster()
    cluster.end(code=1, seconds=61, message="version 1 is not served: not an ONNX model")

    assert cluster.codes()[0] == "LS20"


def test_a_server_that_served_for_long_was_not_ended_by_its_startup_probe():
    cluster = FakeCluster()
    cluster.end(code=137, seconds=3000)

    assert cluster.codes()[0] == "LS20"


def test_a_kind_is_listed_once_and_a_hundred_nodes_take_few_requests():
    cluster = FakeCluster()
    cluster.autoscale()
    taint(cluster)
    cluster.lists["nodes"] += [node(f"n{number}") for number in range(100)]
    cluster.lists["pods of all namespaces"] += [
        pod(f"p{number}", node=f"n{number % 100}", namespace="other", cpu="10m")
        for number in range(3000)
    ]

    cluster.examine(asks_all=True)
    assert len(cluster.asked) == len(set(cluster.asked)) <= 40


def test_a_toleration_ends_a_taint():
    cluster = FakeCluster()
    cluster.spec["tolerations"] = [{"key": "gpu", "operator": "Exists"}]
    taint(cluster)

    assert "LS07" not in cluster.codes()


def test_behind_a_broken_link_nothing_is_asked_unless_all_is_wanted():
    cluster = FakeCluster()
    quota(cluster)

    found = cluster.examine()
    sound_before = ORDER.index("LS03")
    assert (len(found.broken), found.not_asked) == (1, len(LINKS) - 1 - sound_before)
    assert cluster.examine(asks_all=True).not_asked == 0
