from __future__ import annotations

import logging
import shutil

import orjson
import pytest

from longshore.repository.integrity import write_manifest
from longshore.rest.health import Health, Heartbeat
from longshore.rest.repository_extension import RepositoryExtension
from tests.lifecycle.conftest import write_version


def without_an_artifact(model):
    write_version(model, "2", "pickled", name="model.pkl")


def with_two_artifacts(model):
    write_version(model, "2")
    write_version(model, "2", name="model.onnx")


def with_a_link_that_leads_out(model):
    write_version(model, "2")
    (model.parent / "outside").touch()
    (model / "2" / "more").symlink_to(model.parent / "outside")


def that_is_a_file(model):
    (model / "2").touch()


def with_a_manifest_that_is_none(model):
    write_version(model, "2")
    (model / "2" / "manifest.json").write_text("{")


def with_other_bytes_than_its_manifest(model):
    write_version(model, "2", "delay_seconds: 0.0")
    write_manifest(model / "2")
    write_version(model, "2", "delay_seconds: 0.1")


def that_does_not_load(model):
    write_version(model, "2", "unknown_key: 1")


def whose_config_does_not_fit(model):
    write_version(model, "2")
    (model / "config.yaml").write_text("input: [{name: other, data_type: FP32, dims: [-1, 4]}]")


WAYS = [
    without_an_artifact,
    with_two_artifacts,
    with_a_link_that_leads_out,
    that_is_a_file,
    with_a_manifest_that_is_none,
    with_other_bytes_than_its_manifest,
    that_does_not_load,
    whose_config_does_not_fit,
]


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def spoil(request):
    return request.param


class NoDrain:
    is_draining = False


async def ready_body(manager):
    return orjson.loads(
        (await Health(manager.served, NoDrain(), Heartbeat()).server_ready({})).body
    )


async def index(manager):
    rows = orjson.loads((await RepositoryExtension(manager).repository_index({})).body)
    return {row.get("version"): (row["state"], row["reason"]) for row in rows}


async def test_every_way_to_refuse_a_version_is_counted_shown_and_logged(
    manage, model, failures, spoil, caplog
):
    write_version(model, "1")
    manager = await manage()
    assert failures() == 0
    spoil(model)
    await manager.refresh()

    assert failures() == 1
    body = await ready_body(manager)
    assert body["ready"]
    assert body["versions"]["2"] == "FAILED"
    [problem] = body["problems"]
    assert problem.startswith("version 2 is not served: ")
    state, reason = (await index(manager))["2"]
    assert state == "UNAVAILABLE"
    assert reason
    assert problem.endswith(reason)
    [line] = [r for r in caplog.records if r.getMessage().startswith("not served: ")]
    assert line.levelno == logging.ERROR
    assert "version=2" in line.getMessage()


async def test_a_refusal_is_counted_and_logged_once_however_often_it_is_seen(
    manage, model, failures, spoil, caplog
):
    write_version(model, "1")
    spoil(model)
    manager = await manage()
    for _ in range(3):
        await manager.refresh()

    assert failures() == (2 if spoil is whose_config_does_not_fit else 1)
    lines = [r.getMessage() for r in caplog.records if r.getMessage().startswith("not served: ")]
    assert len([line for line in lines if "version=2" in line]) == 1


async def test_a_refused_version_that_is_mended_is_served_and_said_to_be(
    manage, model, spoil, caplog
):
    write_version(model, "1")
    spoil(model)
    manager = await manage()
    caplog.set_level(logging.INFO)
    (model / "config.yaml").unlink(missing_ok=True)
    if (model / "2").is_dir():
        shutil.rmtree(model / "2")
    else:
        (model / "2").unlink()
    write_version(model, "2")
    await manager.refresh()

    assert manager.served.default.version == "2"
    assert "problems" not in await ready_body(manager)
    assert [r for r in caplog.records if r.getMessage() == "no longer refused: name=echo version=2"]


async def test_other_files_that_are_refused_for_the_same_reason_count_again(
    manage, model, failures
):
    manager = await manage() if write_version(model, "1") else None
    write_version(model, "2", "a", name="model.pkl")
    await manager.refresh()
    write_version(model, "2", "b", name="model.pkl")
    await manager.refresh()

    assert failures() == 2


async def test_a_standing_refusal_is_not_told_again_when_another_comes(manage, model, caplog):
    write_version(model, "1")
    write_version(model, "2", name="model.pkl")
    manager = await manage()
    write_version(model, "3", name="model.pkl")
    await manager.refresh()
    shutil.rmtree(model / "3")
    await manager.refresh()

    lines = [r.getMessage() for r in caplog.records if r.getMessage().startswith("not served: ")]
    assert [line.split()[3] for line in lines] == ["version=2", "version=3"]


async def test_a_refusal_of_the_whole_model_is_counted_and_shown(manage, model, failures):
    write_version(model, "1")
    manager = await manage()
    (model / "config.yaml").write_text("nonsense: 1")
    for _ in range(2):
        await manager.refresh()

    assert failures() == 1
    body = await ready_body(manager)
    assert body["ready"]
    assert "config.yaml: nonsense: unknown key" in body["problems"][0]
    rows = await index(manager)
    assert rows["1"] == ("READY", "")
    assert rows[None] == ("UNAVAILABLE", body["problems"][0])


async def test_a_replacement_in_place_that_is_refused_leaves_what_serves(manage, model, failures):
    write_version(model, "1")
    manager = await manage()
    write_version(model, "1", "unknown_key: 1")
    for _ in range(2):
        await manager.refresh()

    assert failures() == 1
    assert manager.served.is_ready
    assert "version 1: its replacement is not served" in (await ready_body(manager))["problems"][0]
    assert (await index(manager))["1"][0] == "READY"


async def test_a_version_that_settles_is_no_problem_and_no_warning(
    manage, model, failures, caplog, clock
):
    clock.now = 2e9
    write_version(model, "1")
    manager = await manage(settle_seconds=2.0, clock=clock)
    caplog.clear()
    clock.now = write_version(model, "2").stat().st_mtime
    await manager.refresh()

    assert (await ready_body(manager))["progress"][0].startswith("version 2: ")
    assert "problems" not in await ready_body(manager)
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []
    assert failures() == 0
    clock.advance(3)
    await manager.refresh()
    assert manager.served.default.version == "2"
