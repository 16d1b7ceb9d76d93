"""A server as a pod would run it, as a child of ours on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from longshore.cpu.quantity import whole_cpus
from longshore_k8s.capacity.cgroups import CgroupError, PodGroups, pod_groups
from longshore_k8s.capacity.child_process import end, end_with_parent
from longshore_k8s.capacity.client_process import Address
from longshore_k8s.capacity.local_ports import unused_port
from longshore_k8s.capacity.noise import busy_seconds
from longshore_k8s.capacity.served_model import ServedModel
from longshore_k8s.capacity.unsound import UnsoundError

HOST = "127.0.0.1"
START_SECONDS = 600.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.01
LOG_TAIL = 1500


@dataclass(frozen=True, slots=True)
class Cores:
    """Which cores of this machine are the pod's, and which one is the client's."""

    pod: frozenset[int]
    client: frozenset[int]


def divide_cores(cpus: float, cores: frozenset[int]) -> Cores:
    """
    Raises:
        UnsoundError: there is none left for the client.
    """
    needed = whole_cpus(cpus) + 1
    if len(cores) < needed:
        raise UnsoundError(
            f"the client would run on the pod's own cores: a pod of {cpus:g} CPUs and its client "
            f"need {needed} cores, and there are {len(cores)} here; take a larger machine, or "
            "measure in the cluster"
        )
    last = max(cores)
    return Cores(cores - {last}, frozenset({last}))


@dataclass
class LocalPod:
    """Starts and stops servers of one model, one at a time, under one limit."""

    directory: Path
    cpus: float
    name: str
    cores: Cores
    groups: PodGroups | None
    """`None` where the limit is affinity and the server's own setting alone."""
    work: Path
    options: Sequence[str] = ()
    """Further ones of `longshore serve`."""
    headers: tuple[str, ...] = ()
    """Of each request, as `Name: value`."""
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    address: Address = field(init=False)
    management: Address = field(init=False)

    @property
    def model(self) -> ServedModel:
        return ServedModel(self.address, self.name, self.headers)

    @property
    def limit(self) -> str:
        if self.groups is not None:
            return f"a CPU quota of {self.cpus:g}"
        return f"affinity to {len(self.cores.pod)} cores and --cpus {self.cpus:g}, without a quota"

    def working_set(self) -> int | None:
        """Bytes; the resident set where the kernel counts no group."""
        found = self.groups.working_set() if self.groups else None
        if found is not None or self._process is None:
            return found
        pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self) -> float:
        """Of the server so far."""
        assert self._process is not None
        words = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def busy_seconds(self) -> float:
        return busy_seconds(self.cores.pod)

    def start(self, calibrations: str) -> float:
        """Seconds until it is ready; `calibrations` is the directory that keeps them.

        Raises:
            UnsoundError: it ended, or took too long.
        """
        self.address, self.management = Address(HOST, unused_port()), Address(HOST, unused_port())
        log = self.work / "server.log"
        begin = time.monotonic()
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                self._command(calibrations), stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True,
                preexec_fn=end_with_parent(
                    self.cores.pod, self.groups.paths if self.groups else ()
                ),
            )  # fmt: skip
        while not self.model.is_ready():
            if self._process.poll() is not None or time.monotonic() > begin + START_SECONDS:
                ended = self._process.returncode
                self.stop()
                tail = log.read_text(errors="replace")[-LOG_TAIL:]
                raise UnsoundError(f"the server did not become ready (exit code {ended}):\n{tail}")
            time.sleep(POLL_SECONDS)
        return time.monotonic() - begin

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            end(process, seconds=STOP_SECONDS)

    def _command(self, calibrations: str) -> list[str]:
        return [
            sys.executable, "-m", "longshore.cli", "serve", str(self.directory),
            "--name", self.name, "--host", HOST, "--port", str(self.address.port),
            "--management-host", HOST, "--management-port", str(self.management.port),
            "--cpus", f"{self.cpus:g}", "--calibration-cache", calibrations,
            "--drain-delay-seconds", "0", "--version-settle-seconds", "0", *self.options,
        ]  # fmt: skip


@contextmanager
def local_pod(
    directory: Path, cpus: float, options: Sequence[str] = (), headers: tuple[str, ...] = ()
) -> Iterator[LocalPod]:
    """Nothing of it is left behind.

    Raises:
        UnsoundError: this machine has too few cores.
    """
    cores = divide_cores(cpus, frozenset(os.sched_getaffinity(0)))
    with ExitStack() as stack:
        work = stack.enter_context(tempfile.TemporaryDirectory(prefix="longshore-capacity-"))
        groups: PodGroups | None
        try:
            groups = stack.enter_context(pod_groups(cpus))
        except CgroupError:
            groups = None
        name = directory.resolve().name if directory.is_dir() else directory.stem
        pod = LocalPod(directory.resolve(), cpus, name, cores, groups, Path(work), options, headers)
        stack.callback(pod.stop)
        yield pod
