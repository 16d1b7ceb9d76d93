"""Versions that appear beside one that serves, and what may come of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import onnx

from tests.attacks import bad_versions
from tests.attacks.memory_group import memory_group
from tests.truth.cpu_groups import cpu_group
from tests.truth.figures import INFORMATION, Bounds

FAULTS = Path(__file__).parent / "faults"
MIB = 2**20
NONE, ONE = Bounds(most=0), Bounds(least=1)
GOOD_BARS = {"p99 during / before": Bounds(most=1.5), "lost": NONE, "serves": ONE}
FILE_SECONDS, HARM_SECONDS = 36.0, 5.0
"""A ratio of 1.2 is within what half as long a time would show by chance; one without a bar needs
no more than an impression."""
QUOTA_SECONDS = 20.0
"""As long as a version is tried under it: of a shorter time before, the percentile is lower."""
NOTHING_BARS = {"p99 during / before": INFORMATION, "lost": NONE, "same process": ONE}
"""What the machine does by itself, to judge the other ratios by."""
FILE_BARS = {
    "p99 during / before": Bounds(most=1.2),
    "told after being still, s": Bounds(most=5.0),
    "reason names it": ONE,
    "same process": ONE,
    "lost": NONE,
}
HARM_BARS = {
    "p99 during / before": INFORMATION,
    "told after being still, s": INFORMATION,
    "reason names it": ONE,
    "same process": ONE,
    "lost": NONE,
}
BUSY_BARS = {"serves": ONE, "told after being still, s": Bounds(most=90.0), "same process": ONE}
"""Of a pod that is asked for more than it can do: what it refuses is not lost by a version."""
SWAP_BARS = {"growth of memory": Bounds(most=0.02), "lost": NONE, "wrong answers": NONE}
COLD_BARS = {"s beyond its own start": Bounds(most=5.0), "starts": Bounds(most=2.0)}


def publish(model: Path) -> None:
    (model / ".2").rename(model / "2")


@dataclass(frozen=True, slots=True)
class Row:
    """A way to make a version, and what should become of it."""

    make: Callable[[Path], None] | None
    """Makes `.2` in the model directory, before there is any load."""
    bars: dict[str, Bounds]
    said: str = ""
    """In what is said of it; empty where it is to serve."""
    put: Callable[[Path], None] | None = publish
    """Makes version 2 of it under load, on a thread. None: no version appears."""
    window_seconds: float = 10.0
    """Before the version appears and at least afterwards, of which the latencies are compared."""
    load: float = 0.5
    """Of what the server can do."""
    cpus: float | None = None
    """A quota."""
    memory_mib: int | None = None
    """A limit."""

    @property
    def limit(self) -> str:
        if self.memory_mib:
            return f"{self.memory_mib} MiB"
        return f"{self.cpus:g} CPU" if self.cpus else "none"

    def groups(self, stack: ExitStack) -> Iterator[Callable[[list[str]], list[str]]]:
        """What puts a command into cgroups with these limits.

        Raises:
            CgroupError: none can be made here.
        """
        if self.cpus:
            yield stack.enter_context(cpu_group("candidate", self.cpus)).inside
        if self.memory_mib:
            group = memory_group("candidate", self.memory_mib * MIB)
            yield stack.enter_context(group).inside


def make_good(model: Path) -> None:
    graph = onnx.load(model / "1" / "model.onnx")
    graph.doc_string = f"another version, of {time.time()}"
    draft = model / ".2"
    draft.mkdir()
    onnx.save(graph, draft / "model.onnx")


GOOD = Row(make_good, GOOD_BARS)
BESIDE = {
    "nothing": Row(None, NOTHING_BARS, put=None, window_seconds=FILE_SECONDS),
    "nothing, 500m": Row(None, NOTHING_BARS, put=None, window_seconds=QUOTA_SECONDS, cpus=0.5),
    "good": GOOD,
    "good, 1 CPU": replace(GOOD, cpus=1.0),
    "good, 500m": replace(GOOD, cpus=0.5, window_seconds=QUOTA_SECONDS),
    "good, saturated": replace(GOOD, bars=BUSY_BARS, load=1.5),
    **{
        name: Row(make, FILE_BARS, said, window_seconds=FILE_SECONDS)
        for name, make, said in (
            ("zeros", bad_versions.make_zeros, "no field begins at byte 0"),
            ("truncated", bad_versions.make_truncated, "model.onnx"),
            ("random", bad_versions.make_random, "not an ONNX model"),
            ("tiny files", bad_versions.make_tiny_files, "files, allowed"),
        )
    },
    "growing": Row(
        None, FILE_BARS, "model.onnx", put=bad_versions.grow, window_seconds=FILE_SECONDS
    ),
    "too large": Row(
        bad_versions.make_too_large,
        HARM_BARS,
        "GiB of memory",
        window_seconds=HARM_SECONDS,
        memory_mib=1024,
    ),
    **{
        f"{when} {what}": Row(
            bad_versions.make_fault(when, what),
            HARM_BARS,
            said.format(name=what),
            window_seconds=HARM_SECONDS,
        )
        for when, what, said in (
            ("load", "SIGSEGV", "({name}) while opening"),
            ("proof", "SIGABRT", "({name}) while executing"),
            ("execute", "SIGKILL", "({name}) while executing"),
            ("load", "hang", "no progress for 2 s while opening"),
            ("proof", "hang", "no progress for 2 s while executing"),
            ("execute", "hang", "no progress for 2 s while executing"),
        )
    },
}
"""By name, beside a version that serves."""
SWAPS = "20 swaps"
COLD = {f"cold {name}": replace(row, bars=COLD_BARS) for name, row in BESIDE.items() if row.said}
"""The same as the newest version at a start, with an older good one."""
ROWS = {**BESIDE, SWAPS: Row(None, SWAP_BARS), **COLD}
