from __future__ import annotations

import os

import pytest

from longshore.loading.cpu_quota import available_cpus

AFFINITY = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("content", "cpus"),
    [
        ("max 100000", AFFINITY),
        ("100000 100000", 1),
        ("50000 100000", 1),
        (f"{AFFINITY * 100000} 100000", AFFINITY),
        ("99900000 100000", AFFINITY),
        ("nonsense", AFFINITY),
    ],
)
def test_the_quota_of_cgroup_v2_counts(tmp_path, content, cpus):
    (tmp_path / "cpu.max").write_text(content)

    assert available_cpus(tmp_path) == cpus


@pytest.mark.parametrize(("quota", "has"), [("-1", False), ("100000", True)])
def test_the_quota_of_cgroup_v1_counts(tmp_path, quota, has):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")

    assert available_cpus(tmp_path) == (1 if has else AFFINITY)


def test_without_a_cgroup_the_affinity_mask_counts(tmp_path):
    assert available_cpus(tmp_path) == AFFINITY
