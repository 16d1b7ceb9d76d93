from __future__ import annotations

import pytest

from longshore.cgroups.memory import available_memory, free_memory, own_memory
from tests.cgroups.tree import CgroupTree

MIB = 2**20
V1_NO_LIMIT = 9223372036854771712
MEMINFO = "MemTotal:       8192000 kB\nMemFree:          10240 kB\nMemAvailable:    {kib} kB\n"


class Machine(CgroupTree):
    def __init__(self, directory, **options) -> None:
        super().__init__(directory, controller="memory", **options)
        self.meminfo = directory / "meminfo"
        self.meminfo.write_text(MEMINFO.format(kib=4 * 1024 * 1024))

    def use(
        self,
        group: str,
        *,
        current: int,
        limit: int | None = None,
        inactive_file: int = 0,
        peak: int | None = None,
        active_file: int = 0,
        mapped_file: int = 0,
    ) -> None:
        """Write what a kernel says of the cgroup, in MiB."""
        bound = None if limit is None else limit * MIB
        inactive, active, mapped = (n * MIB for n in (inactive_file, active_file, mapped_file))
        if self.is_v1:
            stat = (
                f"inactive_file 4096\nhierarchical_memory_limit 1\ntotal_inactive_file {inactive}\n"
                f"total_active_file {active}\ntotal_mapped_file {mapped}"
            )
            self.write(
                group,
                memory_usage_in_bytes=f"{current * MIB}",
                memory_limit_in_bytes=f"{V1_NO_LIMIT if bound is None else bound}",
                memory_stat=stat,
            )
        else:
            stat = (
                f"anon 1\nfile {inactive + active}\ninactive_file {inactive}\n"
                f"active_file {active}\nfile_mapped {mapped}"
            )
            self.write(
                group,
                memory_current=f"{current * MIB}",
                memory_max="max" if bound is None else f"{bound}",
                memory_stat=stat,
            )
        if peak is not None and self.is_v1:
            self.write(group, memory_max_usage_in_bytes=f"{peak * MIB}")
        elif peak is not None:
            self.write(group, memory_peak=f"{peak * MIB}")


@pytest.fixture(params=[False, True], ids=["v2", "v1"])
def machine(request, tmp_path):
    return lambda **options: Machine(tmp_path, v1=request.param, **options)


def test_the_working_set_leaves_out_file_pages_that_were_not_read_lately(machine):
    pod = machine(path="/pod")
    pod.use("pod", current=700, inactive_file=300, limit=1024, peak=900)

    memory = own_memory(pod.process)
    assert memory is not None
    assert (memory.current, memory.working_set) == (700 * MIB, 400 * MIB)
    assert (memory.limit, memory.free, memory.peak) == (1024 * MIB, 624 * MIB, 900 * MIB)


def test_what_is_free_counts_file_pages_that_were_read_twice_and_nobody_has_mapped(machine):
    pod = machine(path="/pod")
    pod.use("pod", current=900, limit=1024, inactive_file=100, active_file=500, mapped_file=60)

    memory = own_memory(pod.process)
    assert memory is not None
    assert memory.working_set == 800 * MIB
    assert memory.free == (1024 - 900 + 100 + 500 - 60) * MIB


def test_in_a_container_the_mount_point_is_the_own_cgroup(machine):
    pod = machine(path="/", root="/")
    pod.use("", current=100, limit=512)

    assert own_memory(pod.process).limit == 512 * MIB


def test_without_a_limit_there_is_none_and_the_use_is_told_nonetheless(machine):
    pod = machine(path="/pod")
    pod.use("pod", current=100)

    memory = own_memory(pod.process)
    assert (memory.limit, memory.free, memory.current) == (None, None, 100 * MIB)


def test_the_limit_is_the_smallest_of_the_own_cgroup_and_its_ancestors(machine):
    pod = machine(path="/slice/pod/container")
    pod.use("slice/pod/container", current=100, limit=800)
    pod.use("slice/pod", current=150, limit=512)
    pod.use("slice", current=3000)

    memory = own_memory(pod.process)
    assert (memory.current, memory.limit) == (100 * MIB, 512 * MIB)


def test_a_kernel_that_keeps_no_peak_leaves_it_out(machine):
    pod = machine(path="/pod")
    pod.use("pod", current=100)

    assert own_memory(pod.process).peak is None


def test_a_cgroup_that_does_not_count_memory_leaves_its_parent_to_tell(machine):
    pod = machine(path="/pod/container")
    pod.use("pod", current=200, limit=512)
    pod.write("pod/container", memory_stat="inactive_file 0")

    assert own_memory(pod.process).current == 200 * MIB


def test_what_is_free_is_the_least_that_a_level_or_the_machine_has_left(machine):
    pod = machine(path="/pod/container")
    pod.use("pod/container", current=100, limit=800)
    pod.use("pod", current=500, inactive_file=100, limit=512)
    assert free_memory(pod.process, pod.meminfo) == 112 * MIB

    pod.meminfo.write_text(MEMINFO.format(kib=64 * 1024))
    assert free_memory(pod.process, pod.meminfo) == 64 * MIB


def test_without_any_limit_the_machine_says_what_is_free(machine):
    pod = machine(path="/pod")
    pod.use("pod", current=100)

    assert free_memory(pod.process, pod.meminfo) == 4 * 1024 * MIB


def test_a_use_beyond_the_limit_leaves_nothing(machine):
    pod = machine(path="/pod")
    pod.use("pod", current=600, limit=512)

    assert free_memory(pod.process, pod.meminfo) == 0


def test_without_cgroups_nothing_is_told_but_by_the_machine(tmp_path):
    (tmp_path / "meminfo").write_text(MEMINFO.format(kib=1024))

    assert own_memory(tmp_path / "absent") is None
    assert free_memory(tmp_path / "absent", tmp_path / "meminfo") == MIB
    assert free_memory(tmp_path / "absent", tmp_path / "absent") is None


@pytest.mark.parametrize("text", ["", "MemAvailable: many kB\n", "MemFree: 5 kB\n"])
def test_a_machine_that_does_not_say_what_is_available_tells_nothing(tmp_path, text):
    (tmp_path / "meminfo").write_text(text)

    assert available_memory(tmp_path / "meminfo") is None


@pytest.mark.parametrize("text", ["", "x", "-1", "1 2", "9" * 30])
def test_a_number_in_no_known_form_is_none(tmp_path, text):
    pod = Machine(tmp_path, path="/pod")
    pod.use("pod", current=100)
    pod.write("pod", memory_max=text, memory_peak=text)

    memory = own_memory(pod.process)
    assert (memory.limit, memory.peak) == (None, None)


def test_this_machine_says_what_is_available():
    assert available_memory() > MIB
