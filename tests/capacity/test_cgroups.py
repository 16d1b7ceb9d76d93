from __future__ import annotations

from pathlib import Path

import pytest

from longshore_k8s.capacity.cgroups import CgroupError, PodGroups, pod_groups


def test_a_machine_without_a_cpu_controller_says_so(tmp_path):
    with pytest.raises(CgroupError, match="no CPU controller"), pod_groups(1.0, tmp_path):
        pass


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"memory.current": "1000", "memory.stat": "inactive_file 300\n"}, 700),
        (
            {"memory.usage_in_bytes": "1000", "memory.stat": "total_inactive_file 100\n"},
            900,
        ),
        ({}, None),
    ],
)
def test_the_working_set_is_what_the_kernel_cannot_drop(tmp_path, files, found):
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    assert PodGroups(tmp_path, tmp_path).working_set() == found


@pytest.mark.parametrize(("cpus", "written"), [(0.5, {"50000"}), (None, {"-1", "max"})])
def test_a_group_has_the_quota_and_is_gone_afterwards(cpus, written):
    try:
        with pod_groups(cpus) as groups, pod_groups(cpus, purpose="another") as another:
            assert groups.cpu != another.cpu
            texts = [
                path.read_text().split()[0]
                for name in ("cpu.max", "cpu.cfs_quota_us")
                if (path := groups.cpu / name).exists()
            ]
            assert set(texts) <= written
            assert texts
            assert (groups.working_set() or 0) >= 0
    except CgroupError as error:
        pytest.skip(str(error))
    assert not any(Path(path).exists() for path in (*groups.paths, *another.paths))
