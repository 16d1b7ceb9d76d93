from __future__ import annotations

import os
from pathlib import Path

import pytest

from longshore.cpu.quota import cpu_quantity
from tests.cgroups.tree import CgroupTree

AFFINITY = 8


@pytest.fixture(autouse=True)
def _eight_cpus(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(AFFINITY)))


class Machine(CgroupTree):
    def __init__(self, directory: Path, **options) -> None:
        super().__init__(directory, controller="cpu", **options)

    def limit(self, group: str, cpus: float | None, *, period: int = 100_000) -> None:
        """`None` is a cgroup without a limit; `period` is in microseconds."""
        quota = None if cpus is None else int(cpus * period)
        if self.is_v1:
            own = f"{-1 if quota is None else quota}"
            self.write(group, cpu_cfs_quota_us=own, cpu_cfs_period_us=f"{period}")
        else:
            self.write(group, cpu_max=f"{'max' if quota is None else quota} {period}")


@pytest.fixture(params=[False, True], ids=["v2", "v1"])
def machine(request, tmp_path):
    return lambda **options: Machine(tmp_path, v1=request.param, **options)


@pytest.mark.parametrize(
    ("limits", "quantity"),
    [
        ({"a/b/c": 2.5, "a/b": None, "a": None}, 2.5),
        ({"a/b/c": None, "a/b": 1.5, "a": None}, 1.5),
        ({"a/b/c": 4, "a/b": 3, "a": 0.5}, 0.5),
        ({"a/b/c": 1, "a/b": 3, "a": 6}, 1),
        ({"a/b/c": None, "a/b": None, "a": None}, AFFINITY),
        ({"a/b/c": 99}, AFFINITY),
        ({"a/other": 1, "b": 1, "a/b/c/d": 1}, AFFINITY),
    ],
    ids=["own", "parent", "top", "own is least", "none", "more than there are", "of others"],
)
def test_the_smallest_quota_of_the_own_cgroup_and_its_ancestors_counts(machine, limits, quantity):
    made = machine(path="/a/b/c")
    for group, cpus in limits.items():
        made.limit(group, cpus)

    assert cpu_quantity(made.process) == quantity


def test_a_quota_on_a_slice_of_systemd_counts_for_its_services(machine):
    made = machine(path="/longshore.slice/longshore-models.slice/digits.service")
    made.limit("longshore.slice", 3)
    made.limit("longshore.slice/longshore-models.slice/digits.service", None)

    assert cpu_quantity(made.process) == 3


@pytest.mark.parametrize("period", [1_000, 10_000, 1_000_000])
@pytest.mark.parametrize(
    "limited",
    [
        "user.slice",
        "user.slice/user-1000.slice",
        "user.slice/user-1000.slice/user@1000.service/app.slice/run-r1.scope",
    ],
)
def test_a_quota_of_systemd_counts_whatever_its_period_and_on_any_slice_or_scope(
    machine, limited, period
):
    scope = "user.slice/user-1000.slice/user@1000.service/app.slice/run-r1.scope"
    made = machine(path=f"/{scope}")
    made.limit(limited, 1.5, period=period)

    assert cpu_quantity(made.process) == 1.5


def test_with_both_versions_mounted_the_one_that_has_the_controller_counts(tmp_path):
    """Hybrid: cgroup v1 for the CPU, and v2 without controllers, each with a path of its own."""
    legacy, unified = tmp_path / "cpu", tmp_path / "unified"
    (legacy / "pods" / "pod1").mkdir(parents=True)
    (unified / "other").mkdir(parents=True)
    (legacy / "pods" / "cpu.cfs_quota_us").write_text("250000\n")
    (legacy / "pods" / "cpu.cfs_period_us").write_text("100000\n")
    (legacy / "pods" / "pod1" / "cpu.cfs_quota_us").write_text("-1\n")
    (tmp_path / "cgroup").write_text("4:cpu,cpuacct:/pods/pod1\n3:cpuset:/\n0::/other\n")
    (tmp_path / "mountinfo").write_text(
        f"32 31 0:29 / {legacy} rw - cgroup cgroup rw,cpu,cpuacct\n"
        f"34 31 0:31 / {tmp_path} rw - cgroup cgroup rw,cpuset\n"
        f"41 31 0:38 / {unified} rw - cgroup2 cgroup2 rw\n"
    )

    assert cpu_quantity(tmp_path) == 2.5


def test_in_a_cgroup_namespace_the_mount_point_is_the_own_cgroup(machine):
    made = machine(path="/", root="/")
    made.limit("", 1.25)

    assert cpu_quantity(made.process) == 1.25


def test_a_mount_of_the_own_cgroup_alone_is_read_without_the_path_above_it(machine):
    made = machine(path="/kubepods/pod1/container/worker", root="/kubepods/pod1/container")
    made.limit("", 2)
    made.limit("worker", 3)

    assert cpu_quantity(made.process) == 2


@pytest.mark.parametrize("own", ["/", "/worker"])
def test_below_a_mount_older_than_the_namespace_the_own_cgroup_is_found_by_its_processes(
    machine, own
):
    made = machine(path=own, root="/../..")
    made.limit("pods/pod1", 1.5)
    made.limit("pods/pod2", 0.5)
    for group, process in (("pod1", os.getpid()), ("pod2", 1)):
        directory = made.point / "pods" / group / own.strip("/")
        directory.mkdir(exist_ok=True)
        (directory / "cgroup.procs").write_text(f"{process}\n")

    assert cpu_quantity(made.process) == 1.5


@pytest.mark.parametrize("root", ["/../..", "/../../elsewhere", "/kubepods/pod2"])
def test_of_a_mount_from_another_namespace_the_mount_point_counts(machine, root):
    made = machine(path="/kubepods/pod1", root=root)
    made.limit("", 2)

    assert cpu_quantity(made.process) == 2


@pytest.mark.parametrize("content", ["", "nonsense", "x 100000", "100000", "1 0", "0 1", "-5 10"])
def test_a_quota_in_no_known_form_is_none(tmp_path, content):
    made = Machine(tmp_path, path="/a")
    made.limit("", 2)
    made.limit("a", None)
    (made.point / "a" / "cpu.max").write_text(content)

    assert cpu_quantity(made.process) == 2


@pytest.mark.parametrize("name", ["cgroup", "mountinfo"])
@pytest.mark.parametrize("content", [None, "", "nonsense", "1 2 3 - cgroup2", "\udcff::"])
def test_where_the_cgroups_cannot_be_known_the_affinity_mask_counts(tmp_path, name, content):
    made = Machine(tmp_path)
    made.limit("", 2)
    (made.process / name).unlink()
    if content is not None:
        (made.process / name).write_text(content, errors="surrogateescape")

    assert cpu_quantity(made.process) == AFFINITY


def test_a_level_that_cannot_be_read_leaves_the_others(machine):
    made = machine(path="/a/b")
    made.limit("a", 2)
    (made.point / "a" / "b" / "cpu.max").mkdir(parents=True)
    (made.point / "a" / "b" / "cpu.cfs_quota_us").mkdir()

    assert cpu_quantity(made.process) == 2
