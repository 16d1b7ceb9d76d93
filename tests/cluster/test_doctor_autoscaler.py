"""`longshore doctor` names each broken link from the pods' metrics to the count, and follows sound
ones with the values of the moment. The clocks are those of test_autoscaling.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from tests.cluster import chart_values, example_models
from tests.cluster.autoscalers import Autoscaler
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.keda import Keda
from tests.cluster.doctor_chain_breaks import CHAIN_BREAKS
from tests.cluster.doctor_patient import ROOM_SECONDS, Patient, installed, misnamed
from tests.cluster.node_agent.api import Json
from tests.cluster.serving import Serving

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(420)]

NOTICE_SECONDS = 90.0
"""KEDA asks once in a while, and tries again before it says so."""
EMPTY_LIST = frozenset({"LS25"})
"""After a start of Prometheus, the adapter lists no metric until it looks for series again."""
RATE, PODS = 70.0, 2
SYNC_AND_SCRAPE_SECONDS = 6.0
HELD = re.compile(rf"held at {PODS} by the stabilization window(?: until ([\d:]+) UTC)?")


def test_each_link_of_the_autoscaler_that_is_broken_alone_is_the_first_that_is_named(
    cluster: Cluster, namespace: str
) -> None:
    patient = installed(cluster, namespace)

    breaks = ((code, broken(patient)) for code, broken in CHAIN_BREAKS.items())
    assert misnamed(patient, breaks, passing=EMPTY_LIST) == {}


def test_a_trigger_of_keda_without_values_is_named(
    cluster: Cluster, keda: Keda, namespace: str
) -> None:
    patient = Patient(Serving(cluster, namespace, "sick"))
    example_models.write_version(patient.serving.create_claim() / example_models.NAME, 1)
    values = chart_values.autoscaled(mode="keda", requests_per_second=20.0)
    values["autoscaling"]["keda"]["serverAddress"] = "http://10.240.0.1:1"
    patient.serving.release.install(values)
    named: list[str] = []

    def is_named() -> bool:
        named.append(patient.first())
        return named[-1] == "LS33"

    cluster.wait_until(is_named, "LS33 to be named", seconds=NOTICE_SECONDS)
    assert {*named} <= {"", "LS33", "LS36"}


def test_a_metric_is_followed_from_the_pods_to_the_count_that_the_bound_keeps(
    cluster: Cluster, autoscaler: Autoscaler, namespace: str, closing: ExitStack
) -> None:
    patient = installed(cluster, namespace, scaler=autoscaler, maximum=PODS)
    load = closing.enter_context(patient.serving.load(RATE))
    patient.serving.wait_until_ready(PODS)

    names = {pod["metadata"]["name"] for pod in patient.serving.ready_pods()}
    keys = {"sick"} if autoscaler.keda else names
    readings: list[Json] = []

    def is_bounded() -> bool:
        found = told(patient)
        readings[:] = found["autoscaler"]
        has_values = {*readings[0]["metrics_api"]["values"]} == keys
        return has_values and any(
            "it asks for 4, maxReplicas is 2" in one for one in found["notes"]
        )

    cluster.wait_until(is_bounded, "the bound to be told", seconds=ROOM_SECONDS)
    (reading,) = readings
    assert {*reading["exported"]["values"]} == names
    stored, answered = reading["prometheus"]["values"], reading["metrics_api"]["values"]
    assert {*stored} == {*answered}
    # Over the window of the shipped rules, which is longer than the adapter's here.
    assert 0 < sum(stored.values()) < 1.2 * RATE
    assert sum(answered.values()) == pytest.approx(RATE, rel=0.2)
    assert reading["seen"] * PODS == pytest.approx(RATE, rel=0.2)
    assert (reading["asks"], reading["count"]) == (4, PODS)

    load.stop()
    until: list[float] = []

    def is_held() -> bool:
        found = [held for note in told(patient)["notes"] if (held := HELD.search(note))]
        until.extend(clock(held[1]) for held in found if held[1])
        return bool(found)

    cluster.wait_until(is_held, "the window to be told", seconds=ROOM_SECONDS)

    def is_released() -> bool:
        is_held()  # the last that was told counts
        return len(patient.serving.pods()) < PODS

    cluster.wait_until(is_released, "the window to end", seconds=ROOM_SECONDS)
    # The adapter's rules have another window here than the shipped ones: no moment is told of it.
    if autoscaler.keda:
        assert until[-1] == pytest.approx(time.time(), abs=SYNC_AND_SCRAPE_SECONDS)


def told(patient: Patient) -> Json:
    found: Json = json.loads(patient.seen_by(str(patient.cluster.kubeconfig), "--all")[1])
    return found


def clock(text: str) -> float:
    """Of today."""
    of_day = datetime.strptime(text, "%H:%M:%S").time()
    return datetime.combine(datetime.now(UTC), of_day, UTC).timestamp()
