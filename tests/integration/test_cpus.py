"""How many CPUs a served process plans for, and where it says so."""

from __future__ import annotations

import pytest

from longshore.cpu.quota import cpu_quantity
from tests.attacks.served_process import ServedProcess, identity_model

ALL = cpu_quantity()


@pytest.mark.parametrize(
    ("options", "cpus"),
    [({}, ALL), ({"cpus": "250m"}, 0.25), ({"cpus": "9999"}, ALL)],
    ids=["none", "less", "more"],
)
def test_the_setting_lowers_what_quota_and_affinity_allow_and_never_raises_it(
    tmp_path, options, cpus
):
    with ServedProcess(identity_model(tmp_path), cpu_request="100m", **options) as server:
        assert server.metric("longshore_cpus") == cpus
        assert f"cpus={cpus:g} usable={ALL:g} cpu_request=0.1" in server.log
