"""The command works however its standard streams are redirected."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MODELS = Path(__file__).parents[1] / "models"
COMMANDS = [["inspect", str(MODELS / "digits")], ["--help"], ["serve", "--help"], ["--version"]]


def longshore(*arguments: str, shell: str = "", **environment: str) -> subprocess.CompletedProcess:
    """The command, its streams redirected as `shell` says."""
    command = f'exec "$@" {shell}'
    return subprocess.run(
        ["bash", "-c", command, "bash", sys.executable, "-m", "longshore.cli", *arguments],
        capture_output=True,
        env=os.environ | environment,
        check=False,
    )


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_reader_that_closes_its_end_ends_the_command_silently(arguments, unbuffered):
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [sys.executable, "-m", "longshore.cli", *arguments],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        check=False,
    )
    os.close(writer)

    assert result.stderr == b""
    assert result.returncode == (141 if arguments[0] == "inspect" else 0), "argparse ignores it"


def test_a_full_disk_is_one_sentence():
    result = longshore("inspect", str(MODELS / "digits"), shell=">/dev/full")

    assert result.stderr == b"longshore: [Errno 28] No space left on device\n"
    assert result.returncode == 1


@pytest.mark.parametrize("shell", ["<&-", ">&-", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_streams_cost_what_would_be_read_or_written_and_nothing_else(shell):
    result = longshore("inspect", str(MODELS / "digits"), shell=shell)

    assert result.returncode == 0
    assert result.stderr == b""
    assert (b"model: digits" in result.stdout) is (shell == "<&-")


def test_a_mistake_is_the_same_exit_code_where_nobody_reads_of_it():
    assert longshore("serve", "no/such/model", shell="2>&-").returncode == 1
    assert longshore("serve", "no/such/model", shell="2>/dev/full").returncode == 1


@pytest.mark.parametrize(
    "environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}, {}]
)
def test_a_character_that_the_locale_lacks_is_escaped(tmp_path, environment):
    odd = os.fsencode(tmp_path) + b"/caf\xc3\xa9-\xff"
    shutil.copytree(os.fsencode(MODELS / "digits"), odd)
    result = longshore("manifest", os.fsdecode(odd), **environment)

    assert result.stderr == b""
    assert result.returncode == 0
    assert b"written: " in result.stdout
