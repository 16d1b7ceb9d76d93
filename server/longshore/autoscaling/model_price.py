"""What executions cost in CPU seconds, whatever keeps them waiting.

Throttling and neighbours stretch an execution by an amount that depends on the load itself. Its CPU
time stays the same, so the load at which the CPUs are used up can be told long before it is there.
"""

from __future__ import annotations

from longshore.autoscaling.clocks import Elapsed
from longshore.autoscaling.decayed_ratio import DecayedRatio

PRIOR_SECONDS = 0.1
"""Predicted seconds for which the expectation counts that there is before any observation."""


class ModelPrice:
    """CPU seconds off the event loop for each second that executions should take by their
    calibration: all threads of the frameworks, and the decoding of large bodies.
    """

    def __init__(self) -> None:
        self._observed = DecayedRatio()
        self._open_cpu = self._open_wall = 0.0
        """Since the last execution ended."""
        self._was_disturbed = False

    @property
    def seconds_per_second(self) -> float:
        """For each predicted second."""
        return self.seconds(1.0, 1)

    def seconds(self, predicted: float, threads: float) -> float:
        """Of executions that should take `predicted` seconds. Each is expected to keep `threads`
        threads busy (0 where they run on the event loop) until it was seen how many it does.
        """
        return predicted * self._observed.beside_prior(PRIOR_SECONDS * threads, PRIOR_SECONDS)

    def learn(self, elapsed: Elapsed, *, is_working: bool, is_disturbed: bool) -> None:
        """`is_working` says whether requests are in flight: an execution counts when it ends, with
        what it took before. With `is_disturbed` other work takes CPU time of this process, such as
        loading a version.
        """
        is_disturbed, self._was_disturbed = is_disturbed or self._was_disturbed, is_disturbed
        if is_disturbed or not (elapsed.predicted > 0 or is_working):
            self._open_cpu = self._open_wall = 0.0
            return
        self._open_cpu += elapsed.cpu_elsewhere
        self._open_wall += elapsed.wall
        if elapsed.predicted > 0:
            self._observed.add(self._open_cpu, elapsed.predicted, self._open_wall)
            self._open_cpu = self._open_wall = 0.0
