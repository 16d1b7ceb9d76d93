"""What the environment lacks disables only what depends on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.attacks.served_process import ServedProcess, identity_model, infer_body
from tests.integration.test_lifecycle import QUICK, ask, wait_for

UNKNOWN_USER = ("unshare", "--user", "--map-user=1234567", "--map-group=1234567")
"""A user id without an entry in the password file, as OpenShift assigns them."""


def can_be_an_unknown_user() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*UNKNOWN_USER, "true"], capture_output=True, check=False).returncode == 0


def bare(environ: dict[str, str]) -> tuple[str, ...]:
    """Arguments of Python that run the command as an unknown user with `environ` alone."""
    prefix = [*UNKNOWN_USER, "env", "-i", "PATH=/usr/bin:/bin"]
    prefix += [f"{name}={value}" for name, value in environ.items()]
    program = [*prefix, sys.executable, "-m", "longshore.cli"]
    return ("-c", f"import os, sys; os.execvp({program[0]!r}, {program!r} + sys.argv[1:])")


@pytest.mark.skipif(not can_be_an_unknown_user(), reason="needs user namespaces")
@pytest.mark.parametrize(
    "environ",
    [{}, {"HOME": "/nonexistent"}, {"TZ": "No/Where", "LC_ALL": "xx_YY.ISO", "HOME": ""}],
    ids=["empty", "home that is not there", "zone and locale that are not there"],
)
def test_a_user_without_home_is_served(tmp_path, environ):
    options = {"program": bare(environ | {"PYTHONPATH": os.pathsep.join(sys.path)}), **QUICK}
    options["calibration_cache"] = "~/.cache/longshore"
    with ServedProcess(identity_model(tmp_path), **options) as server:
        assert ask(server, body=infer_body())[0] == 200
        is_told = "calibration not kept" in server.log
        server.terminate()
        assert server.wait(10) == 0

    assert is_told or "HOME" in environ
    assert "Traceback" not in server.log


def test_a_cache_that_cannot_be_written_costs_the_record_alone(tmp_path):
    place = tmp_path / "file"
    place.write_text("no directory")
    options = {"calibration_cache": place / "cache", **QUICK}
    with ServedProcess(identity_model(tmp_path), **options) as server:
        assert ask(server, body=infer_body())[0] == 200
        # On a machine that others use there is nothing to keep.
        reasons = ("calibration not cached", "measurement disturbed, not kept")
        wait_for(lambda: any(server.log.count(reason) == 1 for reason in reasons))


def test_a_server_without_standard_streams_serves(tmp_path):
    close = "import os, runpy, sys; [os.close(n) for n in (0, 1, 2)];"
    program = ("-c", f"{close} runpy.run_module('longshore.cli', run_name='__main__')")
    with ServedProcess(identity_model(tmp_path), program=program, **QUICK) as server:
        assert ask(server, body=infer_body())[0] == 200
