"""A release that `longshore doctor` examines while it is broken in one way after the other."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from longshore_k8s.doctor.command import COMMAND
from longshore_k8s.doctor.examination import Verdict
from tests.cluster import doctor_recording, example_models
from tests.cluster.autoscalers import Autoscaler
from tests.cluster.control_plane.cluster import Cluster, WaitedTooLong
from tests.cluster.helm import CHART
from tests.cluster.node_agent.api import Json
from tests.cluster.serving import Serving
from tests.doctor.running import run_doctor

ROOM_SECONDS = 45.0
IS_RECORDED = bool(os.environ.get("LONGSHORE_RECORD_DOCTOR"))
"""What each link is judged by is kept for `tests/doctor/test_recordings.py`."""


@dataclass(frozen=True, slots=True)
class Patient:
    """A release that is examined."""

    serving: Serving
    prometheus: str = "monitoring/prometheus:9090"
    """Which scrapes it."""

    @property
    def cluster(self) -> Cluster:
        return self.serving.cluster

    @property
    def path(self) -> str:
        return f"/apis/apps/v1/namespaces/{self.serving.namespace}/deployments"

    def examine(self) -> tuple[int, Json]:
        code, text = self.seen_by(str(self.cluster.kubeconfig))
        return code, json.loads(text)

    def seen_by(self, kubeconfig: str, *more: str) -> tuple[int, str]:
        """Exit code and output for somebody else."""
        options = ["-n", self.serving.namespace, "-o", "json", "--kubeconfig", kubeconfig]
        named = ["--prometheus", self.prometheus]
        return run_doctor(COMMAND, [self.serving.name, *options, *named, *more])

    def first(self) -> str:
        """The code of the first broken link; empty for a sound release."""
        broken = self.examine()[1]["broken"]
        return str(broken[0]["code"]) if broken else ""

    def wait_until_named(self, code: str) -> set[str]:
        """What was the first broken link until `code` was; raises WaitedTooLong, which says it."""
        named: list[str] = []

        def is_named() -> bool:
            named.append(self.first())
            return named[-1] == code

        try:
            self.cluster.wait_until(is_named, f"{code} to be named", seconds=ROOM_SECONDS)
        except WaitedTooLong as late:
            raise WaitedTooLong(
                f"{late}; named were {sorted({*named})}, last {named[-1]}"
            ) from None
        return {*named}

    def wait_until_sound(self) -> None:
        self.cluster.wait_until(
            lambda: self.examine()[0] == Verdict.SOUND, "a sound release", seconds=ROOM_SECONDS
        )

    @contextmanager
    def changed(self, spec: Json, *, container: Json | None = None) -> Iterator[None]:
        """With other fields of the pod's spec and of its server; as before afterwards."""
        name = self.serving.deployment()["metadata"]["name"]
        if container is not None:
            spec = {**spec, "containers": [{"name": "server", **container}]}
        body = {"spec": {"template": {"spec": spec}}}
        before = self.serving.deployment()["spec"]["template"]["spec"]
        self.cluster.api.patch(f"{self.path}/{name}", body)
        yield
        body = [{"op": "replace", "path": "/spec/template/spec", "value": before}]
        self.cluster.kubectl(
            "-n", self.serving.namespace, "patch", "deployment", name,
            "--type", "json", "-p", json.dumps(body),
        )  # fmt: skip

    @contextmanager
    def beside(self, path: str, body: Json) -> Iterator[None]:
        """With another object in the cluster."""
        self.cluster.api.post(path, body)
        try:
            yield
        finally:
            self.cluster.api.delete(f"{path}/{body['metadata']['name']}")


def installed(
    cluster: Cluster, namespace: str, *, scaler: Autoscaler | None = None, **options: Any
) -> Patient:
    """A release with an autoscaler, prometheus-adapter's unless another is given; sound."""
    found = scaler or Autoscaler(cluster, CHART)
    serving = found.serving(namespace, "sick")
    example_models.write_version(serving.create_claim() / example_models.NAME, 1)
    serving.release.install(found.values(requests_per_second=20.0, **options))
    serving.wait_until_ready(1)
    patient = Patient(serving)
    patient.wait_until_sound()
    return patient


def misnamed(
    patient: Patient,
    breaks: Iterable[tuple[str, AbstractContextManager[Any]]],
    passing: frozenset[str] = frozenset(),
) -> dict[str, list[str]]:
    """Break one link after the other, each until it is named; gives what else was named by code,
    but for `passing`, which are broken for a moment on the way.
    """
    wrong: dict[str, list[str]] = {}
    for code, broken in breaks:
        with broken:
            named = patient.wait_until_named(code)
            if IS_RECORDED:
                patient.cluster.wait_until(
                    lambda code=code: doctor_recording.record(patient, code), f"{code} to be kept"
                )
        patient.wait_until_sound()
        # Right after a change nothing is broken yet, or a rollout is under way.
        if others := named - {code, "", "LS36", *passing}:
            wrong[code] = sorted(others)
    return wrong
