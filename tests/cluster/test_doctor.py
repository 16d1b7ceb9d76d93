"""`longshore doctor` names each link of the pods that is broken on the cluster, first and alone.

One release is broken in one way after the other. What cannot be broken here (real attachment of
disks, device plugins) is tested with written objects in tests/doctor.
"""

from __future__ import annotations

import random
from contextlib import ExitStack
from itertools import combinations

import pytest

from longshore_k8s.doctor.links import LINKS
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.doctor_breaks import BREAKS, ONE_FIELD
from tests.cluster.doctor_chain_breaks import second_autoscaler, without_adapter
from tests.cluster.doctor_patient import installed, misnamed

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(420)]

ORDER = [rule.code for rule in LINKS]
LATER = {"LS23": second_autoscaler, "LS24": without_adapter}
PAIRS = random.Random(7).sample(
    [pair for pair in combinations({**BREAKS, **LATER}, 2) if not any(
        {*pair} <= fields for fields in ONE_FIELD)], 20
)  # fmt: skip


def test_each_link_of_the_pods_that_is_broken_alone_is_the_first_that_is_named(
    cluster: Cluster, namespace: str
) -> None:
    patient = installed(cluster, namespace)

    assert misnamed(patient, ((code, broken(patient)) for code, broken in BREAKS.items())) == {}


@pytest.mark.slow
def test_of_two_faults_the_earlier_is_named(cluster: Cluster, namespace: str) -> None:
    patient = installed(cluster, namespace)
    for pair in PAIRS:
        earlier = min(pair, key=ORDER.index)
        with ExitStack() as both:
            for code in pair:
                both.enter_context({**BREAKS, **LATER}[code](patient))
            patient.wait_until_named(earlier)
        # A pod that is not ready gives way to the next pair's, and then no quota is in the way.
        patient.wait_until_sound()
