"""The settings as options of a command."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from longshore.errors import ModelLoadError, SettingsError
from longshore.settings.groups import Settings
from longshore.settings.option import ENV_PREFIX, Option
from longshore.settings.reading import load_settings
from longshore.settings.table import option_table


def add_settings(
    parser: argparse.ArgumentParser, is_wanted: Callable[[Option], bool] = lambda row: True
) -> None:
    """The directory, the config file, and an option for each setting that `is_wanted`; variables
    and the config file may set the others too.
    """
    parser.add_argument("model_path", nargs="?", metavar="DIR", help="directory of the model")
    parser.add_argument(
        "--config-file",
        metavar="FILE",
        help="settings as YAML, by their names [LONGSHORE_CONFIG_FILE]",
    )
    for row in option_table():
        if row.name != "model_path" and is_wanted(row):
            _add_option(parser, row)


def read_settings(options: argparse.Namespace, *, command: str) -> Settings:
    """Those of `command`, which needs a model.

    Raises:
        SettingsError: a value is not allowed, or no model is named.
        ModelLoadError: the model is not there.
    """
    config_file = options.config_file or os.environ.get(f"{ENV_PREFIX}CONFIG_FILE")
    settings = load_settings(vars(options), os.environ, Path(config_file) if config_file else None)
    if not settings.model.model_path:
        raise SettingsError(
            f"no model: name its directory, as in `longshore {command} models/digits`"
        )
    if not Path(settings.model.model_path).exists():
        raise ModelLoadError(f"{settings.model.model_path}: no such file or directory")
    return settings


def _add_option(parser: argparse.ArgumentParser, row: Option) -> None:
    default = "" if row.is_optional or row.default in ("", ()) else f" (default: {row.default})"
    text = f"{row.help.replace('%', '%%')}{default} [{row.environment_variable}]"
    form: dict[str, Any] = {"nargs": "?", "const": "true"} if row.type is bool else {}
    parser.add_argument(row.flag, dest=row.name, metavar=row.name.upper(), help=text, **form)
