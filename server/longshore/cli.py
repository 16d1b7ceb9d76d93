"""The `longshore` command: finds the subcommand, runs it, and turns errors into exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress

from longshore import __version__, standard_streams
from longshore.commands.catalogue import every_command, find_command
from longshore.commands.command import Command, Purpose
from longshore.errors import ModelConfigError, ModelLoadError, RequestRefused, SettingsError
from longshore.exit_code import ExitCode

READER_GONE = 141
"""What a shell reports for a program that SIGPIPE ended, as in `longshore inspect DIR | head`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (`exit_code.ExitCode`)."""
    standard_streams.prepare()
    try:
        with standard_streams.flushed():
            return _run(sys.argv[1:] if arguments is None else list(arguments))
    except BrokenPipeError:
        return READER_GONE
    except SettingsError as error:
        return _fail(error, ExitCode.USAGE)
    except (ModelConfigError, ModelLoadError, RequestRefused, OSError) as error:
        return _fail(error, ExitCode.FAILED)


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0].startswith("-"):
        parser = _top_parser()
        parser.parse_args(arguments)
        parser.error("name a command")
    name = arguments[0]
    command = find_command(name)
    if command is None:
        raise SettingsError(f"{name!r} is no command; `longshore --help` lists them{_hint(name)}")
    parser = argparse.ArgumentParser(prog=f"longshore {name}", description=_sentence(command.help))
    command.add_arguments(parser)
    return int(command.run(parser.parse_args(arguments[1:])))


def _fail(error: Exception, code: ExitCode) -> int:
    with suppress(OSError), standard_streams.flushed():
        print(f"longshore: {error}", file=sys.stderr)
    return code


def _hint(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, [known for known, _ in every_command()], n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _top_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="longshore",
        usage="longshore [-h] [--version] COMMAND ...",
        description="Serve one model over HTTP, with batching and autoscaling metrics.",
        epilog=_command_list() + "\n`longshore COMMAND --help` says more about each.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"longshore {__version__}")
    return parser


def _command_list() -> str:
    """The commands under their headings."""
    commands = list(every_command())
    width = max(len(name) for name, _ in commands)
    sections = {purpose.value: "" for purpose in Purpose} | {"not installed": ""}
    for name, command in commands:
        heading, text = (
            (command.purpose.value, command.help)
            if isinstance(command, Command)
            else ("not installed", command)
        )
        sections[heading] += f"  {name:{width}}  {text}\n"
    return "\n".join(f"{heading}:\n{rows}" for heading, rows in sections.items() if rows)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


if __name__ == "__main__":
    sys.exit(main())
