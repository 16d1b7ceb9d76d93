"""How far a push is, on a terminal and in a log."""

from __future__ import annotations

import io

from longshore_k8s.push.display import Bar, Lines, size
from tests.clock import FakeClock

MIB = 2**20


def test_a_log_gets_a_line_every_ten_seconds_and_the_last():
    stream, clock = io.StringIO(), FakeClock()
    lines = Lines(stream, clock)

    for second in range(26):
        lines.show("copied", second * 4 * MIB, 100 * MIB)
        clock.advance(1)

    assert stream.getvalue().splitlines() == [
        "copied: 0 % of 100 MiB",
        "copied: 40 % of 100 MiB, 4.0 MiB/s, 0:15 left",
        "copied: 80 % of 100 MiB, 4.0 MiB/s, 0:05 left",
        "copied: 100 % of 100 MiB, 4.0 MiB/s",
    ]


def test_a_terminal_has_one_line_that_is_written_anew():
    stream, clock = io.StringIO(), FakeClock()
    bar = Bar(stream, clock)

    bar.show("copied", 0, 100 * MIB)
    clock.advance(1)
    bar.show("copied", 50 * MIB, 100 * MIB)
    bar.say("a sentence")
    clock.advance(1)
    bar.show("copied", 100 * MIB, 100 * MIB)

    drawn = stream.getvalue()
    assert drawn.count("\n") == 2, "the sentence, and the end"
    assert "copied    [############------------]  50 % of 100 MiB, 50 MiB/s, 0:01 left" in drawn
    assert "\r\x1b[Ka sentence\n" in drawn
    assert drawn.endswith("[########################] 100 % of 100 MiB, 50 MiB/s\n")


def test_what_a_terminal_is_told_often_is_drawn_seldom():
    stream, clock = io.StringIO(), FakeClock()
    bar = Bar(stream, clock)

    for done in range(1000):
        bar.show("copied", done, 1000)
        clock.advance(0.001)

    assert stream.getvalue().count("\r") <= 6


def test_a_rate_does_not_count_what_an_earlier_try_brought():
    stream, clock = io.StringIO(), FakeClock()
    lines = Lines(stream, clock)

    lines.show("copied", 90 * MIB, 100 * MIB)
    clock.advance(10)
    lines.show("copied", 95 * MIB, 100 * MIB)

    assert stream.getvalue().splitlines()[-1].endswith("512 KiB/s, 0:10 left")


def test_sizes_are_told_in_what_suits_them():
    assert [size(n) for n in (5, 2048, 3 * MIB // 2, 250 * MIB, 3 * 1024 * MIB)] == [
        "5 bytes", "2.0 KiB", "1.5 MiB", "250 MiB", "3.0 GiB",
    ]  # fmt: skip
