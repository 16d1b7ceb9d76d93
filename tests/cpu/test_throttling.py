from __future__ import annotations

import pytest

from longshore.cpu.throttling import throttled_seconds

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
