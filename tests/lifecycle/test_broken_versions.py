"""A version that cannot run never becomes ready: at a swap and at a cold start, of every kind."""

from __future__ import annotations

import json

import pytest

from tests.loading.startup_models import FAILS_ALWAYS, MAGIC, WORKS_ON_MAGIC

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def write(model):
    def write(number: str, version, **samples) -> None:
        (model / number).mkdir()
        (model / number / version.file).write_bytes(version.content())
        if samples:
            (model / number / "samples.json").write_text(json.dumps(samples))
        (model / "config.yaml").write_text(version.config)

    return write


@pytest.mark.parametrize("version", FAILS_ALWAYS.values(), ids=FAILS_ALWAYS)
async def test_at_a_cold_start_it_is_not_ready_and_counted(manage, write, failures, version):
    write("1", version)
    manager = await manage(calibration_budget_seconds=5)

    assert not manager.served.is_ready
    assert failures() == 1
    [problem] = manager.served.describe_problems()
    assert problem.startswith("version 1 is not served: ")


@pytest.mark.parametrize("version", FAILS_ALWAYS.values(), ids=FAILS_ALWAYS)
async def test_at_a_swap_the_old_version_serves_on(manage, model, write, failures, version):
    write_identity(model)
    manager = await manage(calibration_budget_seconds=5)
    write("2", version)
    await manager.refresh()

    assert manager.served.default.version == "1"
    assert manager.served.default.is_ready
    assert failures() == 1


@pytest.mark.parametrize("version", WORKS_ON_MAGIC.values(), ids=WORKS_ON_MAGIC)
async def test_a_recorded_sample_that_works_puts_a_held_version_into_service(
    manage, model, write, version
):
    write_identity(model)
    manager = await manage(calibration_budget_seconds=5)
    write("2", version)
    await manager.refresh()
    assert manager.served.default.version == "1"

    tensor = {"name": "x", "datatype": "INT64", "shape": [1, 2], "data": [0, MAGIC]}
    write("3", version, inputs=[tensor])
    await manager.refresh()

    assert manager.served.default.version == "3"


def write_identity(model) -> None:
    """Version 1 answers, and is loaded before there is a config."""
    (model / "1").mkdir()
    (model / "1" / "model.identity").write_text("")
