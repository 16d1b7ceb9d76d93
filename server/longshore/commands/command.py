"""One subcommand of `longshore`: its arguments, its run and its exit codes."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct


class Purpose(StrEnum):
    """The headings of `longshore --help`, in their order."""

    SERVE = "serve a model"
    LOOK = "look at a model"
    PLAN = "plan"
    OPERATE = "operate"


class Command(Struct, frozen=True):
    """A module's own command, by the name `COMMAND`; heavy imports wait until `run`."""

    purpose: Purpose
    help: str
    """One line, for the list of commands."""
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    """Returns the exit code. What it raises of the error family, and `OSError`, becomes one line on
    stderr and an exit code in `longshore.cli`.
    """
