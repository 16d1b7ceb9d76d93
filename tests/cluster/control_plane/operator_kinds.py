"""The kinds of operators that are not there, for as long as a scenario needs them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.tools.custom_kinds import OperatorFile


@contextlib.contextmanager
def defined(cluster: Cluster, kinds: Sequence[OperatorFile]) -> Iterator[None]:
    """Gone afterwards with every object of theirs: the chart looks at the kinds there are."""
    names = [kind.name for kind in kinds]
    try:
        for kind in kinds:
            cluster.kubectl("create", "-f", str(kind.cached))
        definitions = (f"crd/{name}" for name in names)
        cluster.kubectl("wait", "--for=condition=Established", *definitions, "--timeout=30s")
        yield
    finally:
        cluster.kubectl("delete", "crd", "--ignore-not-found", *names)
