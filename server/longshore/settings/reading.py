"""Settings are read once, at start, and passed in.

Order of precedence: command line, `LONGSHORE_*`, config file, default.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

from longshore.errors import SettingsError
from longshore.settings.groups import Settings
from longshore.settings.option import ENV_PREFIX
from longshore.settings.table import option_table


def load_settings(
    overrides: Mapping[str, Any],
    environ: Mapping[str, str],
    config_file: Path | None = None,
) -> Settings:
    """Settings from the command line (`overrides`, values that are `None` are unset), the
    environment and a YAML file.

    Raises:
        SettingsError: an unknown name, or a value that is not allowed; says which, from where, and
        what is.
    """
    from_file = _read_config_file(config_file) if config_file else {}
    groups: dict[str, dict[str, Any]] = {name: {} for name in Settings.__struct_fields__}
    for row in option_table():
        for source, value in (
            (row.flag, overrides.get(row.name)),
            (row.environment_variable, row.read_environment(environ)),
            (f"{config_file}: {row.name}", from_file.get(row.name)),
        ):
            if value is not None and (value != "" or row.may_be_empty):
                groups[row.group][row.name] = row.parse(value, source)
                break
    kinds = get_type_hints(Settings)
    return Settings(**{name: kinds[name](**values) for name, values in groups.items()})


def misspelt_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that set nothing, by name, and the one that each was probably meant to be."""
    known = [row.environment_variable for row in option_table()]
    given = [name for name in environ if name.startswith(ENV_PREFIX) and name not in known]
    if not given:
        return {}
    import difflib  # as yaml below: most starts need neither

    meant = {name: difflib.get_close_matches(name, known, n=1, cutoff=0.8) for name in given}
    return {name: close[0] for name, close in meant.items() if close}


def _read_config_file(path: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 at byte {error.start}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise SettingsError(f"{path}: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(
            f"{path}: expected a mapping of settings, found {type(content).__name__}"
        )
    known = {row.name for row in option_table()}
    unknown = sorted(str(name) for name in content if name not in known)
    if unknown:
        raise SettingsError(
            f"{path}: unknown setting {unknown[0]!r}; known are {', '.join(sorted(known))}"
        )
    return content
