"""What the pod and its machine do during a step: one that others disturbed is no number."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from longshore.metrics import ServerMetrics
from longshore_k8s.capacity import noise
from longshore_k8s.capacity.client_process import Address, document_of, step_of
from longshore_k8s.capacity.measurement import PodMeasurement, Task
from longshore_k8s.capacity.memory_peak import MemoryPeak
from longshore_k8s.capacity.objective import parse_objective
from longshore_k8s.capacity.pace import QUICK
from longshore_k8s.capacity.payloads import Payload
from longshore_k8s.capacity.pod_model import PodModel
from longshore_k8s.capacity.readings import Change, Readings
from longshore_k8s.capacity.step import Step
from longshore_k8s.capacity.unsound import UnsoundError
from longshore_k8s.capacity.watched_load import WatchedLoad
from tests.capacity.pods import KNOWN, KnownPod

OBJECTIVE = parse_objective("p99=100ms", "0.1%")


def step(count: int = 100) -> Step:
    due = np.arange(count) / 100
    return Step(100.0, due, np.full(count, 0.01), np.full(count, 200, np.int16), np.zeros(count))


class FakePod:
    """A management port with these numbers, and counters of CPU time that move by themselves."""

    def __init__(self, management: Address, *, busy: float = 0.0) -> None:
        self.management = management
        self.model = None
        self._busy, self._looks = busy, 0

    def working_set(self) -> int:
        return 100

    def cpu_seconds(self) -> float:
        return 0.0

    def busy_seconds(self) -> float:
        self._looks += 1
        return self._busy * self._looks


class FakeClient:
    def open_load(self, rate, count, *, seed, patience):
        return step(count)


@pytest.fixture
def management():
    """Addresses of ports that answer `/metrics` with what is set, anew at each look."""
    texts: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = texts.pop(0) if len(texts) > 1 else texts[0]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def serve(*found: str) -> Address:
        texts[:] = found
        return Address("127.0.0.1", server.server_port)

    yield serve
    server.shutdown()
    thread.join()
    server.server_close()


def exposition(
    *, throttled: int = 0, cpu: float = 0.0, loop: float = 0.0, work: float = 0.0
) -> str:
    return (
        f"longshore_cpu_quota_periods_total {10 + 10 * throttled}\n"
        f"longshore_cpu_throttled_periods_total {throttled}\n"
        f"longshore_offered_work_seconds_total {work}\n"
        f'longshore_offered_resource_seconds_total{{resource="cpu"}} {cpu}\n'
        f'longshore_offered_resource_seconds_total{{resource="event_loop"}} {loop}\n'
        "longshore_memory_working_set_bytes 1234\n"
        "longshore_cpus 2\nlongshore_available_cpus 1.5\n"
    )


def test_a_change_says_what_was_asked_for_most_and_how_often_the_quota_ran_out(management):
    address = management(exposition(), exposition(cpu=1.0, loop=3.0, work=3.0))
    change = Change(Readings.of(address), Readings.of(address))

    assert change.bound_by == "the event loop"
    assert change.throttled_share == 0.0
    assert change.after.working_set == 1234
    assert change.after.missing_cpus == 0.5
    held = Change(change.before, Readings.of(management(exposition(throttled=9, cpu=1.0))))
    assert held.bound_by == "the CPU quota"
    assert held.throttled_share == pytest.approx(0.1, abs=0.05)


def test_every_name_that_is_read_is_one_that_the_server_exports():
    names = {
        sample.name for family in ServerMetrics().registry.collect() for sample in family.samples
    } | {family.name for family in ServerMetrics().registry.collect()}
    source = Readings.of.__func__.__code__.co_consts  # type: ignore[attr-defined]
    read = {text for text in source if isinstance(text, str) and text.startswith("longshore_")}

    assert read
    known = {name.removesuffix("_total") for name in names}
    stems = {
        name.removesuffix("_total").removesuffix("_count").removesuffix("_sum") for name in read
    }
    assert stems <= known


@pytest.mark.parametrize("is_allowed", [False, True])
def test_a_step_beside_a_neighbour_does_not_count_unless_noise_is_allowed(management, is_allowed):
    told: list[str] = []
    steps: list[dict] = []
    pod = FakePod(management(exposition()), busy=10.0)
    load = WatchedLoad(pod, FakeClient(), OBJECTIVE, 1, is_allowed, told.append, steps.append)

    if is_allowed:
        assert load.run("fit", 100.0, 50).count == 50
        assert len(steps) == 1
        return
    with pytest.raises(UnsoundError, match=r"a noisy machine: others use .* say --noisy"):
        load.run("fit", 100.0, 50)
    assert len(steps) == 3
    assert "does not count: others used" in told[1]


def test_a_pod_that_is_throttled_without_a_request_gives_no_number(management, monkeypatch):
    monkeypatch.setattr("longshore_k8s.capacity.measurement.time.sleep", lambda seconds: None)
    pod = FakePod(management(exposition(), exposition(throttled=4)))
    measurement = PodMeasurement(
        pod, FakeClient(), Task(OBJECTIVE, [], 1), peak=MemoryPeak(lambda: 0),
        tell=lambda text: None, record=lambda document: None,
    )  # fmt: skip

    with pytest.raises(UnsoundError, match=r"a throttled pod: .* 4 periods of a second"):
        measurement._require_unthrottled()


class VirtualServer:
    """What a measurement asks of a served model and of its client; the knee is known."""

    def __init__(self, known: KnownPod, speed_after: float) -> None:
        self._known, self._pod = known, known.pod(1)
        self._speeds = [1.0, speed_after]

    def metadata(self) -> dict[str, object]:
        return {"name": "known", "platform": "virtual", "parameters": {}}

    def model(self, metadata: dict[str, object], rows: int) -> PodModel:
        return self._known.model()

    def idle_seconds(self, payload: Payload) -> float:
        return self._known.fixed + self._known.per_request

    def closed_load(self, seconds: float, connections: int) -> float:
        return self._pod.capacity * self._speeds.pop(0)

    def open_load(self, rate: float, count: int, *, seed: int, patience: float) -> Step:
        return self._pod.run("", rate, count)


@pytest.mark.parametrize(
    ("speed_after", "is_named"), [(1.0, False), (0.95, False), (0.75, True), (1.3, True)]
)
def test_the_knee_of_a_machine_that_changed_its_speed_is_said_to_be_uncertain(
    management, monkeypatch, speed_after, is_named
):
    monkeypatch.setattr("longshore_k8s.capacity.measurement.time.sleep", lambda seconds: None)
    known = KNOWN["two"]
    pod, server = FakePod(management(exposition())), VirtualServer(known, speed_after)
    pod.model = server

    found = PodMeasurement(
        pod, server, Task(known.objective, [Payload(b"")], 1, pace=QUICK),
        peak=MemoryPeak(lambda: 0), tell=lambda text: None, record=lambda document: None,
    ).run()  # fmt: skip

    assert found.knee == pytest.approx(known.knee, rel=0.05)
    assert bool(found.drift.sentences) == is_named
    assert (found.knee_low < found.knee / 1.2) == is_named
    assert (found.knee_high > found.knee * 1.2) == is_named


def test_a_machine_that_others_use_is_refused_before_any_load(monkeypatch, tmp_path):
    stat = tmp_path / "stat"
    lines = iter(("cpu0 0 0 0 0 0 0 0 0 0 0\n", "cpu0 100 0 0 0 0 0 0 0 0 0\n"))
    monkeypatch.setattr(noise, "STAT", stat)
    stat.write_text(next(lines))
    monkeypatch.setattr(noise.time, "sleep", lambda seconds: stat.write_text(next(lines)))

    with pytest.raises(UnsoundError, match=r"others use 0\.5 of its CPUs"):
        noise.require_quiet(frozenset({0}), 2.0)


def test_a_step_comes_through_the_pipe_as_it_was():
    sent = step()

    found = step_of(sent.rate, document_of(sent))

    for name in ("due", "latency", "status", "lag"):
        np.testing.assert_array_equal(getattr(found, name), getattr(sent, name))


def test_a_step_of_requests_that_were_never_sent_can_be_written():
    never = step()
    never.lag[:] = np.inf

    assert never.document(OBJECTIVE)["send_lag_p99_seconds"] is None
