"""`longshore serve`: serve a model directory until SIGTERM."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
from pathlib import Path
from types import FrameType
from typing import Any

from longshore.commands.command import Command, Purpose
from longshore.errors import ModelLoadError, SettingsError
from longshore.exit_code import ExitCode
from longshore.logs import configure_logging
from longshore.settings.groups import Settings
from longshore.settings.option import ENV_PREFIX, Option
from longshore.settings.reading import load_settings, misspelt_variables
from longshore.settings.table import option_table

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model_path", nargs="?", metavar="DIR", help="directory of the model")
    parser.add_argument(
        "--config-file",
        metavar="FILE",
        help="settings as YAML, by their names [LONGSHORE_CONFIG_FILE]",
    )
    for row in option_table():
        if row.name != "model_path":
            _add_option(parser, row)


def run(options: argparse.Namespace) -> int:
    settings = _settings(options)
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


def _settings(options: argparse.Namespace) -> Settings:
    config_file = options.config_file or os.environ.get(f"{ENV_PREFIX}CONFIG_FILE")
    settings = load_settings(vars(options), os.environ, Path(config_file) if config_file else None)
    if not settings.model.model_path:
        raise SettingsError("no model: name its directory, as in `longshore serve models/digits`")
    if not Path(settings.model.model_path).exists():
        raise ModelLoadError(f"{settings.model.model_path}: no such file or directory")
    return settings


def _add_option(parser: argparse.ArgumentParser, row: Option) -> None:
    default = "" if row.is_optional or row.default in ("", ()) else f" (default: {row.default})"
    text = f"{row.help.replace('%', '%%')}{default} [{row.environment_variable}]"
    form: dict[str, Any] = {"nargs": "?", "const": "true"} if row.type is bool else {}
    parser.add_argument(row.flag, dest=row.name, metavar=row.name.upper(), help=text, **form)


COMMAND = Command(Purpose.SERVE, "serve a model directory until SIGTERM", add_arguments, run)
