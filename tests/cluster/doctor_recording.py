"""Keeps what the API server answered `longshore doctor` when a link was broken.

With `LONGSHORE_RECORD_DOCTOR=1` the scenarios of the doctor write it for tests/doctor, where the
rules are held to it without a cluster: one file for each minor of Kubernetes.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from longshore_k8s.api import Reply
from longshore_k8s.client import ClusterClient
from longshore_k8s.doctor.examination import examine
from longshore_k8s.doctor.links import LINKS
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.prometheus import parse_service
from longshore_k8s.doctor.release import Release

if TYPE_CHECKING:
    from tests.cluster.doctor_patient import Patient

RECORDINGS = Path(__file__).resolve().parents[1] / "doctor/recordings"
_LEFT_OUT = ("managedFields", "hostPath", "images", "nodeInfo", "addresses", "tokens")


class Recorder:
    """Asks a cluster, and keeps the answers."""

    def __init__(self, asks: ClusterClient) -> None:
        self._asks = asks
        self.replies: dict[str, tuple[int, Any]] = {}

    def get(self, path: str, **query: str) -> Reply:
        reply = self._asks.get(path, **query)
        self.replies[f"{path}?{urlencode(query)}"] = (reply.status, _trimmed(reply.json()))
        return reply


def record(patient: Patient, code: str) -> bool:
    """The answers by which `code` is the first that is named, in the place of older ones; gives
    whether it is named.
    """
    client = ClusterClient(str(patient.cluster.kubeconfig))
    major, minor = (client.get("/version").json()[key] for key in ("major", "minor"))
    recorder = Recorder(client)
    objects = Objects(recorder, patient.serving.namespace, parse_service(patient.prometheus))
    release = Release.find(patient.serving.name, objects)
    found = examine(release, objects, LINKS)
    if [rule.code for rule, _ in found.broken] != [code]:
        return False
    file = RECORDINGS / f"kubernetes-{major}.{minor}.jsonl.gz"
    kept = {one["code"]: one for one in read(file)} if file.exists() else {}
    kept[code] = {
        "code": code, "release": release.name, "namespace": release.namespace,
        "prometheus": patient.prometheus, "replies": recorder.replies,
    }  # fmt: skip
    lines = (json.dumps(kept[key], separators=(",", ":")) + "\n" for key in sorted(kept))
    RECORDINGS.mkdir(exist_ok=True)
    file.write_bytes(gzip.compress("".join(lines).encode(), 9, mtime=0))
    return True


def read(file: Path) -> list[dict[str, Any]]:
    """A line for each link."""
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


def _trimmed(document: Any) -> Any:
    """Without what no rule looks at."""
    if isinstance(document, dict):
        kept = {k: v for k, v in document.items() if k not in _LEFT_OUT}
        return {key: _trimmed(value) for key, value in kept.items()}
    return [_trimmed(one) for one in document] if isinstance(document, list) else document
