"""Which commands there are: those of this package, and those that others bring.

Another package adds a command by an entry point of the group `longshore.commands`, whose name is
the command's and whose object is a `Command`. The extra that it needs, if any, stands beside it:
`capacity = "longshore_k8s.capacity:COMMAND [plan]"`. Entry points are read only for `--help` and
for names that are not our own: finding them reads the metadata of every installed distribution.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec.structs import replace

from longshore.commands.command import Command
from longshore.errors import SettingsError

if TYPE_CHECKING:
    from argparse import Namespace
    from importlib.metadata import EntryPoint

ENTRY_POINT_GROUP = "longshore.commands"
OWN = ("serve", "inspect", "predict", "example", "manifest", "calibrate")
"""Each is a module beside this one."""


def find_command(name: str) -> Command | None:
    """The command called `name`; `None` when there is none.

    Raises:
        SettingsError: it cannot be imported; says which extra to install, if that is why.
    """
    if name in OWN:
        return _own(name)
    for entry in _entry_points(name):
        return _load(entry)
    return None


def every_command() -> Iterator[tuple[str, Command | str]]:
    """Names with their commands, or with what keeps one from being run; our own first."""
    for name in OWN:
        yield name, _own(name)
    for entry in _entry_points():
        try:
            yield entry.name, _load(entry)
        except SettingsError as error:
            yield entry.name, str(error)


def _own(name: str) -> Command:
    command: Command = importlib.import_module(f"longshore.commands.{name}").COMMAND
    return command


def _entry_points(name: str | None = None) -> list[EntryPoint]:
    from importlib.metadata import entry_points

    found = entry_points(group=ENTRY_POINT_GROUP)
    return sorted(
        (entry for entry in found if name in (None, entry.name) and entry.name not in OWN),
        key=lambda entry: entry.name,
    )


def _load(entry: EntryPoint) -> Command:
    try:
        with _naming_the_extra(entry):
            command: Command = entry.load()
    except SettingsError:
        raise
    except (Exception, SystemExit) as error:  # whatever the module of another package raises
        raise SettingsError(f"{entry.name} cannot be imported: {error}") from error

    def run(options: Namespace) -> int:
        with _naming_the_extra(entry):
            return command.run(options)

    return replace(command, run=run)


@contextmanager
def _naming_the_extra(entry: EntryPoint) -> Iterator[None]:
    """Say which extra to install where a module is missing that is not the command's own."""
    try:
        yield
    except ModuleNotFoundError as error:
        is_own = (error.name or "").partition(".")[0] == entry.module.partition(".")[0]
        if is_own or not entry.extras:
            raise
        extra = ",".join(entry.extras)
        distribution = entry.dist.name if entry.dist else "longshore"
        raise SettingsError(
            f"{entry.name} needs the extra '{extra}' (no module {error.name}): "
            f"pip install '{distribution}[{extra}]'"
        ) from error
