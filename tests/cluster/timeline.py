"""What happened during a load step, second by second, and its picture."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster import chart_values
from tests.cluster.load_client import LoadClient, Outcome
from tests.cluster.serving import Serving

SAMPLE_SECONDS = 0.5
WINDOW_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the release, `at` seconds after the load began."""

    at: float
    ready: int
    desired: int
    """What the autoscaler asks for."""


@dataclass(slots=True)
class Timeline:
    """Samples of a release under load, taken on a thread of its own, for a `with` statement."""

    serving: Serving
    load: LoadClient
    samples: list[Sample] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Timeline:
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> list[Sample]:
        self._stopping.set()
        assert self._thread is not None
        self._thread.join()
        return self.samples

    def desired_changes(self) -> list[int]:
        """The sequence of different replica counts that the autoscaler asked for."""
        counts = [sample.desired for sample in self.samples]
        return [count for count, _ in itertools.groupby(counts)]

    def seconds_until_ready(self, count: int, *, since: float) -> float:
        """From `since` until `count` pods were ready; raises LookupError when they never were."""
        for sample in self.samples:
            if sample.at >= since and sample.ready == count:
                return sample.at - since
        raise LookupError(f"never {count} ready pods after {since:.0f} s")

    def _sample(self) -> None:
        while not self._stopping.wait(SAMPLE_SECONDS):
            status = chart_values.autoscaler(self.serving).get("status", {})
            ready = len(self.serving.ready_pods())
            self.samples.append(Sample(self.load.elapsed, ready, status.get("desiredReplicas", 0)))


def draw(timeline: Timeline, outcomes: list[Outcome], path: Path, *, title: str) -> None:
    """Draw offered load, replicas, p95 and lost requests over time."""
    # Drawing is a matter of the last test only; importing the library takes a second.
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, (load, replicas, latency) = pyplot.subplots(3, sharex=True, figsize=(9, 7))
    figure.suptitle(title)
    changes = [*timeline.load.offered, (timeline.load.elapsed, timeline.load.rate)]
    load.step([at for at, _ in changes], [rate for _, rate in changes], where="post")
    load.set_ylabel("offered requests/s")
    times = [sample.at for sample in timeline.samples]
    replicas.step(times, [sample.desired for sample in timeline.samples], "--", where="post")
    replicas.step(times, [sample.ready for sample in timeline.samples], where="post")
    replicas.legend(["wanted by the autoscaler", "ready"], loc="upper left")
    replicas.set_ylabel("replicas")
    points = _percentiles(outcomes)
    latency.plot([at for at, _ in points], [1000 * seconds for _, seconds in points])
    lost = [outcome.at for outcome in outcomes if outcome.is_lost]
    latency.plot(lost, [0.0] * len(lost), "rx")
    latency.legend(["p95 of served requests", f"lost requests: {len(lost)}"], loc="upper right")
    latency.set_ylabel("milliseconds")
    latency.set_xlabel("seconds since the load began")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def _percentiles(outcomes: list[Outcome]) -> list[tuple[float, float]]:
    """(time, p95 in seconds) of the served requests, window by window."""
    windows: dict[int, list[float]] = {}
    for outcome in outcomes:
        if outcome.is_served:
            windows.setdefault(int(outcome.at / WINDOW_SECONDS), []).append(outcome.seconds)
    return [
        (number * WINDOW_SECONDS, sorted(seconds)[int(len(seconds) * 0.95)])
        for number, seconds in sorted(windows.items())
    ]
