"""Whatever was wrong with a volume: when it is mended, the model is served, without a restart."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from longshore.lifecycle import version_loader
from longshore.lifecycle.watcher import VersionWatcher
from longshore.repository.integrity import write_manifest
from tests.lifecycle.conftest import write_version


def data_link_that_leads_out(model: Path) -> Callable[[], None]:
    (model.parent / "elsewhere").mkdir()
    (model / "..data").symlink_to(model.parent / "elsewhere")

    def mend() -> None:
        (model / "..good").mkdir()
        (model / "..good" / "model.identity").touch()
        (model / "..new").symlink_to("..good")
        os.rename(model / "..new", model / "..data")
        (model / "model.identity").symlink_to("..data/model.identity")

    return mend


def data_link_to_nothing(model: Path) -> Callable[[], None]:
    shutil.rmtree((model.parent / "elsewhere"), ignore_errors=True)
    mend = data_link_that_leads_out(model)
    (model.parent / "elsewhere").rmdir()
    return mend


def version_link_that_leads_out(model: Path) -> Callable[[], None]:
    (model.parent / "elsewhere").mkdir()
    (model / "1").symlink_to(model.parent / "elsewhere")

    def mend() -> None:
        (model / "1").unlink()
        write_version(model, "1")

    return mend


def no_directory(model: Path) -> Callable[[], None]:
    shutil.rmtree(model)

    def mend() -> None:
        model.mkdir()
        write_version(model, "1")

    return mend


def circle_of_links(model: Path) -> Callable[[], None]:
    model.rmdir()
    model.symlink_to(model.name)

    def mend() -> None:
        model.unlink()
        model.mkdir()
        write_version(model, "1")

    return mend


def nothing_to_serve(model: Path) -> Callable[[], None]:
    return lambda: write_version(model, "1") and None


def file_that_does_not_load(model: Path) -> Callable[[], None]:
    write_version(model, "1", "unknown_key: 1")
    return lambda: write_version(model, "1") and None


def wrong_manifest(model: Path) -> Callable[[], None]:
    """Mended without a change of any file that it lists."""
    write_version(model, "1", "delay_seconds: 0.0")
    write_manifest(model / "1")
    file = model / "1" / "manifest.json"
    right = file.read_text()
    digest = right.split('"sha256": "')[1][:64]
    file.write_text(right.replace(digest, "0" * 64))

    def mend() -> None:
        (model / "1" / ".manifest.json.new").write_text(right)
        os.rename(model / "1" / ".manifest.json.new", file)

    return mend


def config_that_does_not_fit(model: Path) -> Callable[[], None]:
    """Mended without a change of the version."""
    write_version(model, "1")
    (model / "config.yaml").write_text("input: [{name: other, data_type: FP32, dims: [-1, 4]}]")
    return (model / "config.yaml").unlink


def config_with_a_mistake(model: Path) -> Callable[[], None]:
    write_version(model, "1")
    (model / "config.yaml").write_text("output: 5")
    return (model / "config.yaml").unlink


WAYS = [
    data_link_that_leads_out,
    data_link_to_nothing,
    version_link_that_leads_out,
    no_directory,
    circle_of_links,
    nothing_to_serve,
    file_that_does_not_load,
    wrong_manifest,
    config_that_does_not_fit,
    config_with_a_mistake,
]


@pytest.mark.parametrize("spoil", WAYS, ids=lambda way: way.__name__)
async def test_a_volume_that_is_mended_is_served(manage, model, spoil, failures):
    mend = spoil(model)
    manager = await manage()
    assert not manager.served.is_ready
    assert not manager.served.is_loading, "it says FAILED, not LOADING"
    assert manager.served.describe_problems()
    assert failures() == 1
    mend()
    await manager.refresh()

    assert manager.served.is_ready
    assert manager.served.describe_problems() == []


@pytest.mark.parametrize("spoil", WAYS, ids=lambda way: way.__name__)
async def test_what_serves_goes_on_while_the_volume_is_broken(manage, model, spoil):
    write_version(model, "7")
    manager = await manage()
    served = manager.served.default
    shutil.rmtree(model / "7")
    mend = spoil(model)
    await manager.refresh()

    assert manager.served.default is served
    assert manager.served.is_ready
    mend()
    await manager.refresh()
    assert manager.served.default.version == "1"


async def test_an_error_that_nobody_foresaw_does_not_end_the_watching(manage, model, monkeypatch):
    manager = await manage()
    write_version(model, "1")
    repository = manager._repository
    scan, calls = repository.scan, []

    def scan_that_fails_at_first(leaves, **options):
        calls.append(leaves)
        if len(calls) == 1:
            raise ZeroDivisionError
        return scan(leaves, **options)

    monkeypatch.setattr(repository, "scan", scan_that_fails_at_first)
    await manager.refresh()
    assert manager.served.describe_problems() == ["ZeroDivisionError while looking at the volume"]
    await VersionWatcher(manager, model, poll_seconds=0).run()
    assert manager.served.is_ready


async def test_a_name_that_changes_while_the_model_is_served_is_refused_in_words(manage, model):
    write_version(model, "1")
    manager = await manage()
    (model / "config.yaml").write_text("name: other")
    await manager.refresh()

    assert manager.served.get_ready("echo")
    assert "restart the server to rename it" in manager.served.describe_problems()[0]


async def test_a_file_replaced_while_it_is_loaded_is_loaded_again_and_is_no_failure(
    manage, model, failures, monkeypatch
):
    write_version(model, "1")
    manager = await manage(looks=False)
    load = version_loader.load_model

    def load_and_replace(artifact, config, options, progress, **beside):
        begin = progress.begin

        def begin_and_replace(doing, *, total_bytes=0):
            if doing.startswith("opening"):
                monkeypatch.undo()
                write_version(model, "1", "delay_seconds: 0.0")
            begin(doing, total_bytes=total_bytes)

        monkeypatch.setattr(progress, "begin", begin_and_replace)
        return load(artifact, config, options, progress, **beside)

    monkeypatch.setattr(version_loader, "load_model", load_and_replace)
    await manager.refresh()
    assert not manager.served.is_ready
    assert manager.served.settling, "the next look comes soon"
    await manager.refresh()

    assert manager.served.is_ready
    assert failures() == 0
