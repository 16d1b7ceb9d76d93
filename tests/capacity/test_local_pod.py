from __future__ import annotations

import pytest

from longshore_k8s.capacity.local_pod import divide_cores
from longshore_k8s.capacity.unsound import UnsoundError


def test_the_client_has_a_core_that_the_pod_has_not():
    cores = divide_cores(1.5, frozenset({0, 1, 2, 3}))

    assert cores.client == {3}
    assert cores.pod == {0, 1, 2}


@pytest.mark.parametrize(("cpus", "count"), [(2.0, 2), (0.5, 1), (3.5, 4)])
def test_a_client_on_the_pods_own_cores_gives_no_number(cpus, count):
    with pytest.raises(UnsoundError, match="the client would run on the pod's own cores"):
        divide_cores(cpus, frozenset(range(count)))
