from __future__ import annotations

import pytest

from longshore.cpu.throttling import QuotaPeriods, quota_periods, throttled_seconds
from tests.cgroups.tree import CgroupTree

V2 = "usage_usec 9\nnr_periods 4\nnr_throttled 3\nthrottled_usec 2500000\n"
V1 = "nr_periods 4\nnr_throttled 3\nthrottled_time 2500000000\n"


CGROUPS = {
    "v2": ("0::/pod", "cgroup2 cgroup2 rw", V2),
    "v1": ("4:cpu:/pod", "cgroup c rw,cpu", V1),
}


@pytest.fixture(params=CGROUPS.values(), ids=CGROUPS)
def process(request, tmp_path):
    """A process in a cgroup that was held back for 2.5 CPU seconds."""
    own, system, text = request.param
    (tmp_path / "process").mkdir()
    (tmp_path / "groups" / "pod").mkdir(parents=True)
    (tmp_path / "groups" / "pod" / "cpu.stat").write_text(text)
    (tmp_path / "process" / "cgroup").write_text(f"{own}\n")
    point = tmp_path / "groups"
    (tmp_path / "process" / "mountinfo").write_text(f"41 31 0:38 / {point} rw - {system}\n")
    return tmp_path / "process"


def test_the_seconds_that_a_quota_held_the_process_back_are_read(process):
    assert throttled_seconds(process) == pytest.approx(2.5)


@pytest.mark.parametrize("text", ["", "throttled_usec\n", "throttled_usec -1\nthrottled_time x\n"])
def test_what_the_kernel_would_not_write_is_no_time(process, tmp_path, text):
    (tmp_path / "groups" / "pod" / "cpu.stat").write_text(text)

    assert throttled_seconds(process) == 0.0


def test_the_level_that_was_held_back_the_longest_counts(process, tmp_path):
    (tmp_path / "groups" / "cpu.stat").write_text("throttled_usec 4000000\n")

    assert throttled_seconds(process) == pytest.approx(4.0)


def test_without_cgroups_nothing_is_held_back(tmp_path):
    assert throttled_seconds(tmp_path / "absent") == 0.0


@pytest.fixture(params=[False, True], ids=["v2", "v1"])
def machine(request, tmp_path):
    return CgroupTree(tmp_path, controller="cpu", path="/pod/container", v1=request.param)


def limit(machine: CgroupTree, group: str, quota: int | None) -> None:
    """`quota` in microseconds of every 100 ms."""
    if machine.is_v1:
        machine.write(group, cpu_cfs_quota_us=f"{quota or -1}", cpu_cfs_period_us="100000")
    else:
        machine.write(group, cpu_max=f"{quota or 'max'} 100000")


@pytest.mark.parametrize(
    ("quotas", "periods"),
    [
        ((50_000, 90_000), QuotaPeriods(10, 4)),
        ((None, 90_000), QuotaPeriods(70, 8)),
        ((50_000, None), QuotaPeriods(10, 4)),
        ((None, None), None),
    ],
    ids=["own", "parent", "parent without", "none"],
)
def test_periods_are_those_of_the_nearest_cgroup_that_has_a_quota(machine, quotas, periods):
    machine.write("pod/container", cpu_stat="nr_periods 10\nnr_throttled 4")
    machine.write("pod", cpu_stat="nr_periods 70\nnr_throttled 8")
    for group, quota in zip(("pod/container", "pod"), quotas, strict=True):
        limit(machine, group, quota)

    assert quota_periods(machine.process) == periods


@pytest.mark.parametrize("text", ["", "nr_periods x\nnr_throttled 1", "nr_periods 5"])
def test_periods_that_the_kernel_does_not_tell_are_none(machine, text):
    limit(machine, "pod/container", 50_000)
    machine.write("pod/container", cpu_stat=text)

    assert quota_periods(machine.process) is None
