"""A release that is still to be installed, as Helm would make it."""

from __future__ import annotations

from longshore.errors import SettingsError
from longshore_k8s.api import Json
from longshore_k8s.doctor.release import COMPONENT, SERVER, Release, labels


def of_documents(name: str, namespace: str, found: list[Json]) -> Release:
    """Raises:
    SettingsError: no Deployment of a server among them.
    """
    for one in found:
        if one.get("kind") == "Deployment" and labels(one).get(COMPONENT) == SERVER:
            return Release(name, namespace, one, objects=tuple(found))
    raise SettingsError("the chart renders no Deployment of a server")
