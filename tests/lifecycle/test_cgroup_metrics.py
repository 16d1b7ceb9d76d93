from __future__ import annotations

import pytest
from prometheus_client import generate_latest

from longshore.lifecycle.cgroup_metrics import export_cgroups
from tests.cgroups.tree import CgroupTree

MIB = 2**20


@pytest.fixture
def container(tmp_path):
    return CgroupTree(tmp_path, controller="memory")


def samples(metrics) -> dict[str, float]:
    lines = generate_latest(metrics.registry).decode().splitlines()
    pairs = (line.split(" ") for line in lines if not line.startswith("#"))
    return {
        name: float(value)
        for name, value in pairs
        if name.startswith(("longshore_memory", "longshore_cpu_"))
    }


def test_the_containers_memory_and_throttling_are_exported(metrics, container):
    export_cgroups(metrics, container.process)
    container.write(
        "",
        memory_current=f"{300 * MIB}",
        memory_max=f"{512 * MIB}",
        memory_peak=f"{400 * MIB}",
        memory_stat=f"inactive_file {100 * MIB}",
        cpu_max="50000 100000",
        cpu_stat="nr_periods 40\nnr_throttled 10\nthrottled_usec 1500000",
    )

    assert samples(metrics) == {
        "longshore_memory_working_set_bytes": 200 * MIB,
        "longshore_memory_peak_bytes": 400 * MIB,
        "longshore_memory_limit_bytes": 512 * MIB,
        "longshore_cpu_quota_periods_total": 40,
        "longshore_cpu_throttled_periods_total": 10,
        "longshore_cpu_throttled_seconds_total": 1.5,
    }


def test_every_scrape_reads_anew(metrics, container):
    export_cgroups(metrics, container.process)
    container.write("", memory_current=f"{300 * MIB}")
    assert samples(metrics)["longshore_memory_working_set_bytes"] == 300 * MIB

    container.write("", memory_current=f"{500 * MIB}")
    assert samples(metrics)["longshore_memory_working_set_bytes"] == 500 * MIB


def test_what_the_kernel_does_not_tell_has_no_series(metrics, tmp_path):
    export_cgroups(metrics, tmp_path / "absent")

    assert samples(metrics) == {"longshore_cpu_throttled_seconds_total": 0.0}
