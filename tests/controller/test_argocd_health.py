"""The health check for Argo CD, run by the Lua in wrk."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.controller.world import World, rendered

SCRIPT = Path(__file__).parents[2] / "chart/controller/files/argocd-health.lua"


def health(document: dict[str, Any], folder: Path) -> tuple[str, str]:
    """Status and message of the script for `document`."""
    wrk = shutil.which("wrk")
    if wrk is None:
        pytest.skip("needs Lua, as wrk has it: apt-get install wrk")
    program = folder / "ask.lua"
    program.write_text(
        f"obj = {lua(document)}\nlocal health = dofile('{SCRIPT}')\n"
        "print('@' .. health.status .. '@' .. health.message)\n"
    )
    # Nobody listens there: the script is read before wrk connects.
    command = [wrk, "-t1", "-c1", "-d1s", "-s", str(program), "http://127.0.0.1:9/"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "@" in done.stdout, done.stderr
    _, status, message = done.stdout.partition("\n")[0].split("@", 2)
    return status, message


def lua(value: Any) -> str:
    """A literal of Lua."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"[{lua(key)}] = {lua(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ", ".join(map(lua, value)) + "}"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)


def document_of(world: World) -> dict[str, Any]:
    resource = world.resource.document
    return {**resource, "spec": world.spec}


def test_a_resource_that_nobody_has_seen_is_in_progress(tmp_path: Path):
    assert health(document_of(World([])), tmp_path)[0] == "Progressing"


def test_one_that_serves_is_healthy_until_its_spec_changes(tmp_path: Path):
    world = World([rendered("Deployment")])
    world.turn()
    assert health(document_of(world), tmp_path) == ("Healthy", "1 of 1 pods are ready.")
    world.generation = 2
    assert health(document_of(world), tmp_path)[0] == "Progressing"


def test_one_that_is_refused_is_degraded_with_the_reason(tmp_path: Path):
    world = World([rendered("Deployment")], served=frozenset())
    world.turn()
    status, message = health(document_of(world), tmp_path)

    assert status == "Degraded"
    assert "no Deployment of apps/v1" in message


def test_one_that_is_paused_is_suspended(tmp_path: Path):
    world = World([rendered("Deployment")], spec={"paused": True})
    world.turn()

    assert health(document_of(world), tmp_path)[0] == "Suspended"
