"""What a candidate is judged by, asked of the cluster and of the pods where a stage needs it."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass, replace

from longshore_k8s.api import Json
from longshore_k8s.controller.connection import JSON, ApiRefused, Connection
from longshore_k8s.controller.decision import Findings
from longshore_k8s.controller.kinds import BY_NAME
from longshore_k8s.controller.plan import CANARY_CHART_NAME, Stage, stage_of
from longshore_k8s.controller.pod_counters import look_at
from longshore_k8s.controller.resource import Resource
from longshore_k8s.controller.rollout_spec import SAMPLES_KEY
from longshore_k8s.controller.server_pod import (
    HTTP,
    ServerPod,
    document_of,
    ended_with,
    last_end_of,
    said_of,
)
from longshore_k8s.controller.validation import PodAnswers, Probe, SampleAnswer, read_outputs
from longshore_k8s.controller.verify_job import (
    COMPONENT_LABEL,
    INSTANCE_LABEL,
    NAME_LABEL,
    job_name,
)

MOST_SAMPLES = 64
SAMPLES_SECONDS = 60.0
"""For all of them: a worker asks, and there are few."""
_TIMES = 3
_WITH_PODS = (Stage.CANDIDATE, Stage.VALIDATE, Stage.STEP, Stage.PROMOTE)
_IN_A_PAUSE = (Stage.STEP,)
"""What a candidate with traffic does is counted; no other is asked anything."""


@dataclass(slots=True)
class Surveyor:
    """Asks; what it finds out is `Findings`."""

    connection: Connection

    def findings(self, resource: Resource, known: Findings) -> Findings:
        """Beside what is `known`, for the stage that the resource is in.

        Raises:
            ApiRefused, ClusterUnreachable: the API server did not say.
        """
        stage = stage_of(resource)
        if stage is Stage.VERIFY:
            pods = self._pods(resource, f"batch.kubernetes.io/job-name={job_name(resource)}")
            return replace(known, said=ended_with(pods) or said_of(pods))
        if stage not in (_IN_A_PAUSE if resource.is_paused else _WITH_PODS):
            return known
        stable, canary = _by_version(resource, self._pods(resource, server_selector(resource)))
        if stage is Stage.PROMOTE:
            # Those that have served for long may have been started again at any time.
            starting = [pod for pod in stable if not ServerPod.read(pod).is_ready]
            return replace(known, said=_said(starting))
        probe = self._probe(resource, stable, canary) if stage is Stage.VALIDATE else None
        # After the samples: the pod has counted them, and they are no traffic.
        look = look_at(stable, canary, resource.validation_spec.max_latency_seconds)
        return replace(known, said=_said(canary), look=look, probe=probe)

    def _pods(self, resource: Resource, selector: str) -> list[Json]:
        path = f"/api/v1/namespaces/{resource.namespace}/pods"
        page = self.connection.list(path, accept=JSON, labelSelector=selector)
        return list(page.get("items") or ())

    def _probe(self, resource: Resource, stable: list[Json], canary: list[Json]) -> Probe | None:
        """`None` where no pod of the candidate is ready."""
        candidate = _ready(canary)
        if candidate is None:
            return None
        model = model_name(resource)
        beside: PodAnswers | None = None
        if resource.stable is not None:
            server = _ready(stable)
            beside = server.answers(model) if server else PodAnswers(None, unread="none is ready")
        samples, fault = self._samples(resource)
        answers = candidate.answers(model)
        asked: list[SampleAnswer] = []
        until = time.monotonic() + SAMPLES_SECONDS
        for sample in samples if not answers.needs_token else ():
            try:
                asked.append(_answer(candidate, model, sample, until))
            except (OSError, RecursionError) as error:
                fault = f"Sample {len(asked) + 1} was not answered: {error}"
                break
        return Probe(answers, beside, tuple(asked), fault)

    def _samples(self, resource: Resource) -> tuple[list[Json], str]:
        """Requests with their expected outputs, or why there are none."""
        name = resource.validation_spec.samples_from
        if not name:
            return [], ""
        try:
            found = self.connection.send("GET", BY_NAME["ConfigMap"].path(resource.namespace, name))
            text = (found.get("data") or {})[SAMPLES_KEY]
        except ApiRefused as error:
            if error.status != 404:
                raise
            return [], f"There is no ConfigMap {name}."
        except KeyError:
            return [], f"ConfigMap {name}: it has no key {SAMPLES_KEY}."
        try:
            return read_samples(text), ""
        except ValueError as error:
            return [], f"ConfigMap {name}: {SAMPLES_KEY}: {error}"


def read_samples(text: str) -> list[Json]:
    """Inference requests, each with the outputs that are expected.

    Raises:
        ValueError: it is not JSON, or no list of them.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    samples = document if isinstance(document, list) else [document]
    if not 1 <= len(samples) <= MOST_SAMPLES:
        raise ValueError(f"it has {len(samples)} requests; 1 to {MOST_SAMPLES} are allowed")
    for number, sample in enumerate(samples, start=1):
        if not isinstance(sample, dict) or not sample.get("inputs"):
            raise ValueError(f"request {number}: it is no inference request")
        if not any("data" in one for one in read_outputs(sample)):
            raise ValueError(f"request {number}: it has no output with the data that are expected")
    return samples


def model_name(resource: Resource) -> str:
    """As the chart has it."""
    name = (resource.aim.values.get("model") or {}).get("name")
    return str(name or resource.name)


def server_selector(resource: Resource) -> str:
    """Of the pods of both versions."""
    return f"{INSTANCE_LABEL}={resource.name},{COMPONENT_LABEL}=server"


def _by_version(resource: Resource, pods: list[Json]) -> tuple[list[Json], list[Json]]:
    """Those of stable and of the candidate, which before anything serves are the same."""
    stable: list[Json] = []
    canary: list[Json] = []
    for pod in pods:
        is_canary = pod["metadata"]["labels"][NAME_LABEL] == CANARY_CHART_NAME
        (canary if is_canary else stable).append(pod)
    return (stable, canary) if resource.stable is not None else (stable, stable)


def _said(pods: list[Json]) -> str:
    """Why they do not run, and how a container of theirs ended last."""
    return ". ".join(text for text in (said_of(pods), last_end_of(pods)) if text)


def _ready(documents: list[Json]) -> ServerPod | None:
    pods = (ServerPod.read(document) for document in documents)
    return next((pod for pod in pods if pod.is_ready), None)


def _answer(pod: ServerPod, model: str, sample: Json, until: float) -> SampleAnswer:
    """`sample` sent a few times; the outputs that it expects are asked for, without their data.

    Raises:
        OSError: no answer, or none by `until`, on the monotonic clock.
    """
    outputs = [{"name": one["name"]} for one in sample["outputs"]]
    request = {**sample, "outputs": outputs}
    seconds: list[float] = []
    for _ in range(_TIMES):
        begun = time.monotonic()
        if begun > until:
            raise OSError(f"all samples together take longer than {SAMPLES_SECONDS:g} s")
        reply = pod.ask(HTTP, f"/v2/models/{model}/infer", request)
        seconds.append(time.monotonic() - begun)
        if reply.status != 200:
            break
    return SampleAnswer(sample, reply.status, document_of(reply), statistics.median(seconds))
