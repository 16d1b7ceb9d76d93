"""Running the command in this process."""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Sequence

from longshore.commands.command import Command


def run_doctor(command: Command, arguments: Sequence[str]) -> tuple[int, str]:
    """Exit code and stdout."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = command.run(parser.parse_args(list(arguments)))
    return code, out.getvalue()
