"""A machine with clocks of its own: what runs on it says how long it computes and waits."""

from __future__ import annotations

from longshore.backends.base import Backend, Device
from longshore.loading.budget import Budget
from longshore.loading.measurement.disturbance import Disturbance
from longshore.loading.measurement.timing import Clocks, Stopwatch
from longshore.tensors import Datatype, Signature, TensorSpec

SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 2)),), (TensorSpec("y", Datatype.FP32, (-1, 2)),)
)


class Machine:
    """`tells_waiting` is false on a kernel that does not count what threads wait."""

    def __init__(self, *, tells_waiting: bool = True) -> None:
        self.now = 1000.0
        self.throttled = 5.0
        self._cpu = self._waited = 7.0
        self._tells_waiting = tells_waiting

    def __call__(self) -> float:
        """The wall clock."""
        return self.now

    def compute(self, seconds: float, *, threads: int = 1) -> None:
        self.now += seconds
        self._cpu += threads * seconds

    def wait(self, seconds: float) -> None:
        """For a CPU."""
        self.now += seconds
        self._waited += seconds

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def _run_delay(self) -> float | None:
        return self._waited if self._tells_waiting else None

    def disturbance(self) -> Disturbance:
        return Disturbance(lambda: self.throttled, self._run_delay)

    @property
    def clocks(self) -> Clocks:
        return Clocks(
            thread=lambda: self._cpu, process=lambda: self._cpu, run_delay=self._run_delay
        )

    def stopwatch(self, seconds: float = 1000.0) -> Stopwatch:
        return Stopwatch(Budget(seconds, self), self.disturbance(), self.clocks)


class MachineBackend(Backend):
    """`execute` does what `work(rows)` does on the machine."""

    platform = "machine"

    def __init__(self, work) -> None:
        self.signature = SIGNATURE
        self.device = Device("cpu")
        self._work = work

    @classmethod
    def load(cls, artifact, *, config, device, threads):
        raise NotImplementedError

    def execute(self, inputs, output_names):
        self._work(len(inputs["x"]))
        return {"y": inputs["x"]}
