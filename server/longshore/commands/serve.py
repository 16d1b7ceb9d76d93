"""`longshore serve`: serve a model directory until SIGTERM."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
from types import FrameType

from longshore.commands.command import Command, Purpose
from longshore.exit_code import ExitCode
from longshore.logs import configure_logging
from longshore.settings.command_line import add_settings, read_settings
from longshore.settings.groups import Settings
from longshore.settings.reading import misspelt_variables

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_settings(parser)


def run(options: argparse.Namespace) -> int:
    settings = read_settings(options, command="serve")
    configure_logging(settings.log.log_level, settings.log.log_format)
    for name, meant in misspelt_variables(os.environ).items():
        logger.warning("%s sets nothing; did you mean %s?", name, meant)
    # Process 1 would ignore the signal until the server has set its own handler.
    signal.signal(signal.SIGTERM, _stop_early)
    # uvloop, starlette and numpy take a noticeable part of a second: not for --help.
    from longshore.lifecycle.memory import use_one_arena

    use_one_arena()
    gc.disable()  # until the server is up: a tenth of the imports' time for nothing
    import uvloop

    return uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> int:
    from longshore.assembly import assemble
    from longshore.server import Server

    code = await Server(assemble(settings)).run()
    if code == ExitCode.DEVICE_LOST:
        # The destructors of a lost device's libraries may hang, or end with another code.
        logging.shutdown()
        os._exit(code)
    return code


def _stop_early(signal_number: int, frame: FrameType | None) -> None:
    raise SystemExit(ExitCode.OK)


COMMAND = Command(Purpose.SERVE, "serve a model directory until SIGTERM", add_arguments, run)
