"""The kinds of operators that are not there, for as long as a scenario needs them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.tools.custom_kinds import OperatorFile

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def wait_until_established(cluster: Cluster, name: str) -> None:
    """Until the API server serves the kind of that definition.

    `kubectl wait` fails on a definition that has no conditions yet.
    """

    def is_established() -> bool:
        definition = cluster.api.get(f"{DEFINITIONS}/{name}")
        conditions = definition.get("status", {}).get("conditions") or ()
        return ("Established", "True") in {(one["type"], one["status"]) for one in conditions}

    cluster.wait_until(is_established, f"the definition of {name}")


@contextlib.contextmanager
def defined(cluster: Cluster, kinds: Sequence[OperatorFile]) -> Iterator[None]:
    """Gone afterwards with every object of theirs: the chart looks at the kinds there are."""
    names = [kind.name for kind in kinds]
    try:
        for kind in kinds:
            cluster.kubectl("create", "-f", str(kind.cached))
        for name in names:
            wait_until_established(cluster, name)
        yield
    finally:
        cluster.kubectl("delete", "crd", "--ignore-not-found", *names)
