from __future__ import annotations

import pytest

from longshore.progress import Progress

MIB = 2**20


@pytest.fixture
def progress(clock) -> Progress:
    return Progress(clock)


def test_nothing_is_told_of_what_is_over_before_anybody_asks(progress, clock):
    assert progress.describe() == ""
    progress.start("version 2")
    progress.begin("hashing model.onnx", total_bytes=10 * MIB)
    clock.advance(4.9)
    assert progress.describe() == ""


def test_it_says_what_is_done_how_far_it_is_and_for_how_long(progress, clock):
    progress.start("version 2")
    clock.advance(6)
    assert progress.describe() == "version 2, for 6 s"
    progress.begin("hashing model.onnx", total_bytes=2048 * MIB)
    progress.advance(MIB)
    progress.advance(511 * MIB)
    assert progress.describe() == "version 2: hashing model.onnx: 512 of 2048 MiB (25 %), for 6 s"
    progress.begin("warming up")
    clock.advance(1)
    assert progress.describe() == "version 2: warming up, for 7 s"


def test_other_work_begins_anew_and_no_work_says_nothing(progress, clock):
    progress.start("version 2")
    clock.advance(60)
    progress.start("version 3")
    assert progress.describe() == ""
    clock.advance(5)
    assert progress.describe() == "version 3, for 5 s"
    progress.end()
    assert progress.describe() == ""
    assert progress.seconds == 0


def test_a_part_of_a_step_is_told_while_it_lasts_and_the_step_goes_on(clock):
    progress = Progress(clock)
    progress.start("version 2")
    progress.begin("opening model.onnx on cpu")
    clock.advance(10)
    with progress.within("reading the fields of model.onnx", total_bytes=4 * MIB):
        progress.advance(MIB)
        assert "reading the fields of model.onnx: 1 of 4 MiB (25 %)" in progress.describe()

    assert "version 2: opening model.onnx on cpu, for 10 s" in progress.describe()
