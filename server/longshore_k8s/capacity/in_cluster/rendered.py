"""The throw-away release: what the chart makes of the real one's values, without what others use.

Nothing of it is in the real release's Service, and nothing scales, scrapes or publishes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from longshore.errors import SettingsError
from longshore_k8s import chart_values
from longshore_k8s.api import Json
from longshore_k8s.capacity.in_cluster.place import Place
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.planned import of_documents
from longshore_k8s.doctor.release import (
    COMPONENT,
    INSTANCE,
    NoRelease,
    Release,
    labels,
    management_port,
    name_of,
)
from longshore_k8s.helm import Helm

LONGEST_NAME = 44
MARK = "longshore/capacity-of"
"""A label of the Deployment, so that nothing of the user's is taken for a left-over."""
CLIENT = "capacity-client"
"""The component of the client's pod."""
SETTINGS_KEY = "longshore.yaml"
TLS_SETTINGS = ("tls_cert_file", "tls_key_file")


@dataclass(frozen=True, slots=True)
class Rendered:
    """What is to be created."""

    deployment: Json
    """With no pod at first."""
    others: tuple[Json, ...]
    """ConfigMap and, where the values have one, NetworkPolicy."""
    model: str
    port: int
    management_port: int
    source: str
    """Of the model: its volume and the path there."""

    @property
    def name(self) -> str:
        return name_of(self.deployment)

    @property
    def pod_spec(self) -> Json:
        found: Json = self.deployment["spec"]["template"]["spec"]
        return found

    @property
    def release(self) -> str:
        """Its name, as a release of Helm would have it."""
        return str(labels(self.deployment)[INSTANCE])

    @property
    def instance(self) -> Json:
        """The label of everything that is made here."""
        return {INSTANCE: self.release}

    @property
    def has_policy(self) -> bool:
        return any(one["kind"] == "NetworkPolicy" for one in self.others)


def render(place: Place, cpus: float, objects: Objects) -> Rendered:
    """
    Raises:
        SettingsError: no such release and no values, or values that cannot be measured.
        MissingRight: deployments may not be listed.
    """
    helm = Helm(place.helm, place.namespace, place.kubeconfig, place.context)
    real, given = _real(place, objects, helm)
    values = _without_tls(chart_values.read_values(place.values, given))
    name = f"{place.release[:LONGEST_NAME]}-capacity"
    over = _overrides(name, cpus, values, real, place.release)
    made = helm.template(name, place.chart, values=chart_values.merge(values, over))
    deployment = of_documents(name, place.namespace, made).deployment
    deployment["spec"]["replicas"] = 0
    deployment["metadata"]["labels"][MARK] = place.release[:63]
    settings = _settings(made)
    release = Release(name, place.namespace, deployment)
    return Rendered(
        deployment,
        tuple(one for one in made if one["kind"] in ("ConfigMap", "NetworkPolicy")),
        str(settings["name"]), int(settings["port"]), management_port(release),
        f"{_volume(release)}:{settings['model_path']}",
    )  # fmt: skip


def _real(place: Place, objects: Objects, helm: Helm) -> tuple[Release | None, Json]:
    """The release, and what it was given; none of it where it is not installed and has files."""
    try:
        return Release.find(place.release, objects), helm.given_values(place.release)
    except NoRelease as error:
        if not place.values:
            raise SettingsError(
                f"{error}; to measure one before it is installed, give its values by -f"
            ) from error
        return None, {}


def _without_tls(values: Json) -> Json:
    """The client speaks plain HTTP."""
    config = values.get("config") or {}
    return {
        **values,
        "tls": {},
        "config": {key: value for key, value in config.items() if key not in TLS_SETTINGS},
    }


def _overrides(
    name: str, cpus: float, values: Json, real: Release | None, release: str
) -> dict[str, Any]:
    model = values.get("model") or {}
    amount = f"{round(1000 * cpus)}m"
    peers = [{"podSelector": {"matchLabels": {INSTANCE: name, COMPONENT: CLIENT}}}]
    off = {"enabled": False}
    return {
        "fullnameOverride": name,
        "replicas": 1,
        "autoscaling": {"mode": "none"},
        "model": {"name": model.get("name") or release, **_claim(model, real)},
        "resources": {"requests": {"cpu": amount}, "limits": {"cpu": amount}},
        "config": {"drain_delay_seconds": 0},
        "preStopSeconds": 0,
        "probes": {"periodSeconds": 1},
        "serviceAccount": {"create": False, "name": _account(values, real)},
        "networkPolicy": {"from": peers, "managementFrom": peers},
        "podDisruptionBudget": off,
        "test": off,
        "ingress": off,
        "httpRoute": off,
        "metrics": {
            "podMonitor": off, "serviceMonitor": off, "annotations": off, "prometheusRule": off,
            "dashboard": off,
        },
        "extraObjects": [],
    }  # fmt: skip


def _claim(model: Json, real: Release | None) -> Json:
    """The claim of the real release, where that has made one."""
    if not (model.get("claim") or {}).get("create"):
        return {}
    if real is None:
        raise SettingsError(
            "model.claim.create: the install makes the claim; install first, or name one that is "
            "there in model.existingClaim"
        )
    return {"claim": {"create": False}, "existingClaim": _volume(real)}


def _account(values: Json, real: Release | None) -> str:
    if real is not None:
        return str(real.pod_spec.get("serviceAccountName") or "default")
    return str((values.get("serviceAccount") or {}).get("name") or "default")


def _volume(release: Release) -> str:
    """The name of the claim that the model is on, or the kind of another volume."""
    found = next(one for one in release.pod_spec["volumes"] if one["name"] == "model")
    if "persistentVolumeClaim" in found:
        return str(found["persistentVolumeClaim"]["claimName"])
    return next(str(key) for key in found if key != "name")


def _settings(made: list[Json]) -> Json:
    """What the server is told."""
    for one in made:
        if one["kind"] == "ConfigMap" and SETTINGS_KEY in (one.get("data") or {}):
            found: Json = yaml.safe_load(one["data"][SETTINGS_KEY])
            return found
    raise SettingsError(f"the chart renders no {SETTINGS_KEY}")
