"""What breaks no link, and is worth to change."""

from __future__ import annotations

from typing import Any

import pytest

from longshore.errors import SettingsError
from longshore_k8s.doctor.advice import advise
from longshore_k8s.doctor.capacity_file import compare, read_capacity
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release
from tests.doctor.cluster import METRIC, NAMESPACE, FakeCluster
from tests.doctor.records import MIB, write_record


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


@pytest.fixture
def record(tmp_path):
    """Writes a record; gives the values file that it lies beside."""

    def write(**found: Any):
        file = tmp_path / "capacity.yaml"
        write_record(file.with_suffix(".json"), **found)
        return file

    return write


def compared(cluster: FakeCluster, file) -> list[str]:
    objects = Objects(cluster, NAMESPACE)
    return list(compare(Release.find("sentiment", objects), objects, read_capacity(file)))


def test_a_release_that_fits_its_measurement_needs_no_advice(record):
    cluster = FakeCluster()
    cluster.autoscale()

    assert compared(cluster, record()) == []


@pytest.mark.parametrize(
    ("peak", "words"),
    [
        (1100, "limit of 1Gi is below the peak that was measured, 1.074Gi: the pod will be killed "
               "under load; --set resources.limits.memory=1.235Gi"),
        (400, "limit of 1Gi is far above the peak that was measured, 400Mi; "
              "--set resources.limits.memory=460Mi"),
    ],
)  # fmt: skip
def test_a_memory_limit_is_judged_by_the_peak_that_was_measured(record, peak, words):
    (told,) = compared(FakeCluster(), record(memory_peak=peak * MIB))

    assert words in told


def test_a_pod_without_a_memory_limit_is_told_a_fitting_one(record):
    cluster = FakeCluster()
    del cluster.spec["containers"][0]["resources"]["limits"]["memory"]

    assert ["no memory limit" in one for one in compared(cluster, record())] == [True]


def test_another_number_of_cpus_than_was_measured_is_told(record):
    cluster = FakeCluster()
    cluster.spec["containers"][0]["resources"]["limits"]["cpu"] = "500m"

    (told,) = compared(cluster, record())
    assert "the pod has 500m, and the measurement was made with 1 CPUs" in told


def test_a_startup_probe_below_the_slowest_start_is_told(record):
    (told,) = compared(FakeCluster(), record(cold_seconds=(61.0,)))

    assert "allows 60 s, and the slowest start that was measured took 61.0 s" in told


def test_a_target_above_the_knee_is_told(record):
    cluster = FakeCluster()
    cluster.autoscale()

    (told,) = compared(cluster, record(knee=15.0))
    assert f"target of 20 for {METRIC} is above the knee that was measured, 15" in told


def test_a_container_beside_the_server_is_not_what_was_measured(record):
    cluster = FakeCluster()
    beside = {"name": "proxy", "resources": {"limits": {"memory": "64Mi"}}}
    cluster.spec["containers"].insert(0, beside)

    assert compared(cluster, record()) == []


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"knee": "fast"}'])
def test_a_file_that_is_no_record_is_a_mistake_of_use(tmp_path, content):
    if content is not None:
        (tmp_path / "capacity.json").write_text(content)

    with pytest.raises(SettingsError, match=r"--capacity: .*capacity\.json"):
        read_capacity(tmp_path / "capacity.yaml")
