"""A version's life behind a Gateway: steps are weights of the HTTPRoute, whatever the pods are."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cluster import chart_values, example_models
from tests.cluster.control_plane import gateway
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.places import CONTROL_PLANE_ADDRESS, GATEWAY_PORT
from tests.cluster.http_exchange import Answer, ConnectionBroke, post
from tests.cluster.load_client import LoadClient, Summary, Target, assert_all_served
from tests.cluster.models import Models, defined, running_models
from tests.cluster.node_agent.api import Json
from tests.cluster.rollouts import no_place
from tests.cluster.serving import Serving, ask
from tests.cluster.tools import custom_kinds

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

NAME = example_models.NAME
FRONT, CANARY = f"{NAME}-longshore", f"{NAME}-canary"
ROUTE = f"/apis/gateway.networking.k8s.io/v1/namespaces/{{namespace}}/httproutes/{FRONT}"
STEPS = (10, 30)
ROLLOUT: Json = {
    "steps": list(STEPS), "bakeSeconds": 12, "toleratedBadRatio": 0.05, "deadlineSeconds": 120,
}  # fmt: skip
VALIDATION: Json = {"minCapacityRatio": 0}
RATE = 40.0
ENDED_SECONDS = 150
AFTER_SECONDS = 4.0
DEVIATIONS = 4.0
"""Of a binomial count, around its mean: by chance it is further away once in 16,000 times."""
IDENTITY = "input:\n  - {name: input, data_type: TYPE_FP32, dims: [-1, 256]}\n"
LOOKS_SECONDS = 2 * 5.0
"""Two looks at the counters: what is counted right after one is seen at the next, and written."""
FOLLOWED_SECONDS = 1.0
"""From a change of the weights until the last request by the old ones."""
FEWEST_TO_BE_SURE = 14
"""Requests to a canary that fails always until it is taken back, at a share of 10 % (p95)."""


class VersionedLoad(LoadClient):
    """It also notes which version answered, and when."""

    def __init__(self, target: Target, rate: float) -> None:
        super().__init__(target, rate)
        self.versions: list[tuple[float, int]] = []

    async def _exchange(self, *, is_fresh: bool) -> Answer:
        answer = await super()._exchange(is_fresh=is_fresh)
        if answer.status == 200:
            self.versions.append((self.elapsed, example_models.answered_version(answer.body)))
        return answer

    def count(self, begin: float, end: float) -> Counter[int]:
        """Answers by version, in those seconds of the load."""
        return Counter(version for at, version in self.versions if begin <= at < end)


@pytest.fixture(scope="module")
def kinds(cluster: Cluster) -> Iterator[None]:
    if not all(kind.cached.exists() for kind in custom_kinds.GATEWAY):
        pytest.skip("Run `make cluster-tools` for the definition of HTTPRoutes.")
    with gateway.kind_defined(cluster), defined(cluster):
        yield


@pytest.fixture
def models(cluster: Cluster, kinds: None, namespace: str) -> Iterator[Models]:
    with gateway.running(cluster, namespace), running_models(cluster, namespace) as running:
        yield running


@pytest.fixture
def claim(models: Models) -> Path:
    return Serving(models.cluster, models.namespace, NAME).create_claim()


def apply(models: Models, version: int, **rollout: object) -> None:
    route = {"enabled": True, "parentRefs": [{"name": gateway.NAME}]}
    values = chart_values.serving(replicas=2, httpRoute=route)
    known = {"rollout": {**ROLLOUT, **rollout}, "validation": VALIDATION}
    models.apply(values, NAME, version=version, **known)


def installed(models: Models) -> None:
    """Version 1 has proved itself, and answers through the Gateway."""
    apply(models, 1)
    models.cluster.wait_until(
        lambda: has_ended(models, 1) and answers(), "version 1 to answer", seconds=ENDED_SECONDS
    )


def rollout(models: Models) -> Json:
    found: Json = models.get(NAME).get("status", {}).get("rollout") or {}
    return found


def has_ended(models: Models, version: int) -> bool:
    (last, *_) = models.get(NAME).get("status", {}).get("history") or [{}]
    return last.get("version") == version and not rollout(models)


def target(body: bytes = b"") -> Target:
    path = f"/v2/models/{NAME}/infer"
    return Target(CONTROL_PLANE_ADDRESS, GATEWAY_PORT, path, body or example_models.request())


def answers() -> bool:
    asked = target()
    request = post(asked.path, asked.body, host=asked.host, is_kept_alive=False)
    try:
        return ask(asked.host, asked.port, request).status == 200
    except (OSError, ConnectionBroke):
        return False


def weights(models: Models) -> dict[str, int]:
    route = models.cluster.api.get(ROUTE.format(namespace=models.namespace))
    (rule,) = route["spec"]["rules"]
    return {one["name"]: one["weight"] for one in rule["backendRefs"]}


def wait_until_step(models: Models, step: int) -> None:
    """Until its weights hold at the Gateway."""

    def holds() -> bool:
        found = rollout(models)
        is_step = (found.get("stage"), found.get("step")) == ("Step", step)
        return bool(is_step and found.get("isRouted"))

    models.cluster.wait_until(holds, f"the weights of step {step}", seconds=ENDED_SECONDS)


def wait_until_step_ends(models: Models, step: int) -> None:
    def is_over() -> bool:
        found = rollout(models)
        return (found.get("stage"), found.get("step")) != ("Step", step)

    models.cluster.wait_until(is_over, f"the end of step {step}", seconds=ENDED_SECONDS)


def direct_versions(models: Models, times: int) -> set[int]:
    """Which versions clients of the ClusterIP meet."""
    service = models.objects()["Service", FRONT]["spec"]
    port = next(one["port"] for one in service["ports"] if one["name"] == "http")
    request = post(target().path, target().body, host="direct", is_kept_alive=False)
    found = [ask(service["clusterIP"], port, request) for _ in range(times)]
    return {example_models.answered_version(one.body) for one in found}


def assert_near(count: Counter[int], percent: int) -> None:
    """Of version 2, within what chance explains of a share of `percent`."""
    total, share = count.total(), percent / 100.0
    deviation = math.sqrt(total * share * (1.0 - share))
    print(f"asked {percent} %: {count[2]} of {total}, {100.0 * count[2] / total:.1f} %")
    assert abs(count[2] - total * share) <= DEVIATIONS * deviation, count


def assert_stable_alone(models: Models) -> None:
    assert weights(models) == {FRONT: 1}
    assert not any(name == CANARY for _, name in models.objects())


def test_a_good_version_gets_the_share_of_its_steps_and_is_promoted_without_a_lost_request(
    models: Models, claim: Path, closing: ExitStack
) -> None:
    for version in (1, 2):
        example_models.write_version(claim / NAME, version)
    installed(models)
    load = VersionedLoad(target(), RATE)
    closing.enter_context(load)
    apply(models, 2)
    counts: list[Counter[int]] = []
    for number, percent in enumerate(STEPS, start=1):
        wait_until_step(models, number)
        begin = load.elapsed
        assert weights(models) == {FRONT: 100 - percent, CANARY: percent}
        assert rollout(models)["share"] == percent
        assert f"{percent} % of its requests" in rollout(models)["message"]
        assert direct_versions(models, 20) == {1}
        wait_until_step_ends(models, number)
        counts.append(load.count(begin, load.elapsed - 0.5))
    models.cluster.wait_until(
        lambda: has_ended(models, 2), "version 2 to serve", seconds=ENDED_SECONDS
    )
    time.sleep(AFTER_SECONDS)
    assert_all_served(load.stop())

    for count, percent in zip(counts, STEPS, strict=True):
        assert_near(count, percent)
    assert models.get(NAME)["status"]["servedVersion"] == 2
    assert_stable_alone(models)
    assert direct_versions(models, 4) == {2}


@pytest.mark.slow
def test_a_version_that_fails_is_taken_back_within_the_simulated_requests(
    models: Models, claim: Path, closing: ExitStack
) -> None:
    for version, extra in ((1, ""), (2, "break_when: 1.0\n")):
        folder = claim / NAME / str(version)
        folder.mkdir(parents=True)
        (folder / "model.identity").write_text(f"{IDENTITY}{extra}")
    installed(models)
    load = LoadClient(target(), RATE)
    closing.enter_context(load)
    apply(models, 2)
    models.cluster.wait_until(
        lambda: has_ended(models, 2), "the rollout of 2 to end", seconds=ENDED_SECONDS
    )
    taken_back = load.elapsed
    time.sleep(AFTER_SECONDS)
    outcomes = load.stop()
    failed = [one for one in outcomes if not one.is_served]
    print(f"failed: {len(failed)} of {len(outcomes)}, {Summary.of(outcomes)}")

    status = models.get(NAME)["status"]
    assert status["rejected"]["reason"] == "ErrorsAboveStable"
    most = FEWEST_TO_BE_SURE + RATE * STEPS[0] / 100.0 * LOOKS_SECONDS
    assert 0 < len(failed) <= most
    assert_all_served([one for one in outcomes if one.at > taken_back])
    assert_stable_alone(models)


@pytest.mark.slow
@pytest.mark.parametrize("outcome", ["Promoted", "Aborted"])
def test_a_canary_whose_pods_all_go_in_a_step_loses_its_weight_and_stable_serves_on(
    models: Models, claim: Path, closing: ExitStack, outcome: str
) -> None:
    for version in (1, 2):
        example_models.write_version(claim / NAME, version)
    installed(models)
    load = VersionedLoad(target(), RATE)
    closing.enter_context(load)
    apply(models, 2, deadlineSeconds=60, onNoData="Abort")
    wait_until_step(models, 1)
    gone = load.elapsed
    with no_place(models.cluster):
        end_canary(models)
        models.cluster.wait_until(lambda: weights(models) == {FRONT: 1}, "no weight of the canary")
        taken = load.elapsed + FOLLOWED_SECONDS
        models.cluster.wait_until(
            lambda: rollout(models).get("reason") == "PodsNotReady", "the step to be held"
        )
        assert (rollout(models)["stage"], rollout(models)["share"]) == ("Step", 0)
        assert models.condition("Ready", NAME)["status"] == "True"
        if outcome == "Aborted":
            wait_until_step_ends(models, 1)
    models.cluster.wait_until(
        lambda: has_ended(models, 2), "the rollout of 2 to end", seconds=ENDED_SECONDS
    )
    time.sleep(AFTER_SECONDS)
    outcomes = load.stop()
    failed = [one for one in outcomes if not one.is_served]
    print(f"failed: {len(failed)} of {len(outcomes)}, weight taken after {taken - gone:.1f} s")

    status = models.get(NAME)["status"]
    assert status["history"][0]["outcome"] == outcome
    if outcome == "Aborted":
        assert status["rejected"]["reason"] == "DeadlineExceeded"
        assert "No pod of the canary is ready." in status["rejected"]["message"]
    assert len(failed) <= RATE * STEPS[0] / 100.0 * LOOKS_SECONDS
    assert all(gone <= one.at <= taken for one in failed)
    assert_stable_alone(models)


def end_canary(models: Models) -> None:
    """All of its pods, without the time to finish anything."""
    which = ("-l", "app.kubernetes.io/name=longshore-canary", "-n", models.namespace)
    models.cluster.kubectl("delete", "pod", *which, "--grace-period=1", "--wait=false")


@pytest.mark.slow
def test_a_controller_that_dies_after_its_writes_leaves_the_weights_and_loses_no_request(
    models: Models, claim: Path, closing: ExitStack
) -> None:
    for version in (1, 2):
        example_models.write_version(claim / NAME, version)
    installed(models)
    load = VersionedLoad(target(), RATE)
    closing.enter_context(load)
    models.kill()
    apply(models, 2)
    deaths, met = 0, 0
    while not has_ended(models, 2):
        # What a turn has applied is in the status at its end, so each life has to be a longer one.
        program = models.start_without_waiting(writes=2 + deaths)
        models.cluster.wait_until(
            lambda dying=program: dying.process.poll() is not None or has_ended(models, 2),
            "a death or the promotion",
            seconds=60,
        )
        deaths += program.process.poll() is not None
        models.kill()
        if CANARY in weights(models):
            met += met_while_nothing_changes(models, load)
    models.start()
    models.wait_for("Progressing", "RolledOut", NAME)
    time.sleep(AFTER_SECONDS)
    assert_all_served(load.stop())

    print(f"deaths: {deaths}, answers by version 2 without a controller: {met}")
    assert deaths >= 6
    assert met > 0
    assert models.get(NAME)["status"]["history"][0]["outcome"] == "Promoted"
    assert_stable_alone(models)


def met_while_nothing_changes(models: Models, load: VersionedLoad) -> int:
    """Answers by version 2 in some seconds without a controller."""
    begin, before = load.elapsed, weights(models)
    time.sleep(1.0)
    assert weights(models) == before
    return load.count(begin, load.elapsed)[2]
