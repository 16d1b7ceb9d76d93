"""A server as a pod would run it: a process in a CPU cgroup, what loads it, and what it says.

The generator stays outside of the cgroup and is the same program for every load (`pacing`). With
a limit of 1 and less it has a CPU of its own on the 2 of this machine, and the truth is the pod's.
With more, server and generator share: capacity is then what the closed load reaches beside its
generator, which is what the pod can do on this machine under such a load. At half of the load the
generator takes half as much, so the pod could do slightly more than C: by half of the generator's
share of all CPUs. That share is in the report (`gen`): 0.01 to 0.03 for `encoder` and `cnn`.
`tiny` runs on one thread, which leaves the generator a CPU at every limit.

What else ran meanwhile, the hypervisor included, is in the report too (`other`): a figure beside
more than a few hundredths of a CPU is to be taken again.
"""

from __future__ import annotations

import dataclasses
import json
import resource
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from loadtests.bench import processes
from loadtests.bench.payloads import random_rows
from loadtests.bench.servers import RunningServer, Target, get_text, running, wait_for_answer
from loadtests.bench.targets import longshore_target
from tests.truth import pacing
from tests.truth.cpu_groups import CpuGroup, cpu_group
from tests.truth.pacing import Pace, Paced
from tests.truth.windows import Snapshot, Window, between, snapshot
from tests.truth.workloads import Workload

IDLE_TIMEOUT_SECONDS = 30.0
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
PLAN_KEYS = ("max_batch_size", "instances", "threads", "inline")


@dataclass(slots=True)
class Load:
    """A load that is on; `paced` is there once it is over."""

    pod: Pod
    paced: Paced | None = None
    generator_cpus: float = 0.0

    def settle(self, seconds: float) -> None:
        time.sleep(seconds)

    def watch(self, seconds: float) -> Window:
        """What goes on from now on for `seconds`."""
        before = self.pod.snapshot()
        time.sleep(seconds)
        return between(before, self.pod.snapshot())


@dataclass(frozen=True, slots=True)
class Pod:
    """A running server under test."""

    workload: Workload
    model_directory: Path
    server: RunningServer
    group: CpuGroup
    work: Path

    def plan(self) -> dict[str, object]:
        """What the server chose, from its metadata."""
        found = json.loads(get_text(self.server.port, f"/v2/models/{self.workload.model.name}"))
        return {key: found["parameters"].get(key) for key in PLAN_KEYS}

    def snapshot(self) -> Snapshot:
        port = self.server.target.metrics_port
        assert port is not None
        exposition = get_text(port, "/metrics")
        cpu_seconds = processes.cpu_seconds(self.server.pid)
        stat = Path("/proc/stat").read_text()
        return snapshot(exposition, time.monotonic(), cpu_seconds, stat, self.group.throttling())

    @contextmanager
    def under(self, pace: Pace, headers: Mapping[str, str] = NO_HEADERS) -> Iterator[Load]:
        """A load while the block runs; `headers` are sent with each request."""
        wire = self.server.target.wires[self.workload.encoding]
        payload = wire.make(random_rows(self.workload.model, 1)[0])
        payload = dataclasses.replace(payload, headers={**payload.headers, **headers})
        script = pacing.write_script(self.work / "load.lua", payload, pace)
        processes.wait_until_idle(self.server.pid, IDLE_TIMEOUT_SECONDS)
        load, before, started = Load(self), _children_cpu_seconds(), time.monotonic()
        generator = pacing.start(self.server.url(self.workload.encoding), script, pace)
        try:
            yield load
            load.paced = pacing.finish(generator)
        finally:
            generator.kill()
            generator.wait()
        seconds = time.monotonic() - started
        load.generator_cpus = (_children_cpu_seconds() - before) / seconds


@contextmanager
def running_pod(workload: Workload, directory: Path, cpus: float | None) -> Iterator[Pod]:
    """A server of `directory` under a limit of `cpus`, started as new: it has measured for itself.

    Raises:
        CgroupError: there are no CPU cgroups here.
        ServerError: it did not start.
    """
    with tempfile.TemporaryDirectory() as name, cpu_group("server", cpus) as group:
        work = Path(name)
        bare = longshore_target(workload.model, directory, work / "calibrations")
        target = _inside(group, bare)
        with running(target, work / "server.log") as server:
            wait_for_answer(server, random_rows(workload.model, 1)[0], workload.encoding)
            yield Pod(workload, directory, server, group, work)


def _inside(group: CpuGroup, target: Target) -> Target:
    return dataclasses.replace(target, command=lambda port: group.inside(target.command(port)))


def _children_cpu_seconds() -> float:
    """Of the children that have ended: between two loads that is the generator alone."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
