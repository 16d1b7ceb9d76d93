"""Running the machine's own programs: ip, mount, runc, buildah."""

from __future__ import annotations

import subprocess

COMMAND_TIMEOUT_SECONDS = 60


class CommandFailed(Exception):
    """A program ended with an error; the text is the command and what it said."""


def run(*command: str, stdin: str | None = None) -> str:
    """The command's output, stripped; raises CommandFailed when it does not succeed."""
    done = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode:
        raise CommandFailed(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout.strip()


def succeeds(*command: str) -> bool:
    """Whether the command ends well; what it says is dropped."""
    try:
        run(*command)
    except CommandFailed:
        return False
    return True
