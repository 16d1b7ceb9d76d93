"""What the pods of a release export on their management port, read through the API server."""

from __future__ import annotations

import re
from collections import defaultdict

from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release, management_port

MOST_PODS = 5
"""Each takes a request."""
_SAMPLE = re.compile(r"^(longshore_\w+)(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


def exported(release: Release, objects: Objects) -> dict[str, dict[str, float]]:
    """By pod, of the first few that are ready: each series of ours, summed over its labels.

    Raises:
        MissingRight: pods may not be asked.
    """
    return {pod: _totals(release, objects, pod) for pod in sorted(release.ready)[:MOST_PODS]}


def _totals(release: Release, objects: Objects, pod: str) -> dict[str, float]:
    port = management_port(release)
    path = f"/api/v1/namespaces/{release.namespace}/pods/{pod}:{port}/proxy/metrics"
    reply = objects.ask(path, right=f"get pods/proxy in {release.namespace}")
    text = reply.body.decode(errors="replace") if reply.status == 200 else ""
    found: defaultdict[str, float] = defaultdict(float)
    for name, number in _SAMPLE.findall(text):
        found[name] += float(number)
    return dict(found)
