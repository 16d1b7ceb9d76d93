"""The two commands in this process, or as `python -m tests.push.running push ...` in one of its
own, which signals can end.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from collections.abc import Sequence

from longshore_k8s.push import command, versions_command

COMMANDS = {"push": command.COMMAND, "versions": versions_command.COMMAND}


def run(name: str, arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog=f"longshore {name}")
    COMMANDS[name].add_arguments(parser)
    return COMMANDS[name].run(parser.parse_args(list(arguments)))


def run_quietly(name: str, arguments: Sequence[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(name, arguments)
    return code, out.getvalue(), err.getvalue()


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2:]))
