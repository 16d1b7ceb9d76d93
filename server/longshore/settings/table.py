"""Every setting as a row, for whoever reads, documents or checks them all."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from msgspec import Struct
from msgspec.structs import asdict

from longshore.settings.groups import Settings
from longshore.settings.option import Option


@cache
def option_table() -> tuple[Option, ...]:
    """Every setting in the order of the groups; names are unique across groups."""
    return tuple(
        _option(name, setting, annotation, default)
        for name, group in asdict(Settings()).items()
        for setting, annotation, default in _settings(group)
    )


def _settings(group: Struct) -> Iterator[tuple[str, Any, Any]]:
    """Name, annotation and default of each; `group` has the defaults."""
    annotations = get_type_hints(type(group), include_extras=True)
    return ((name, annotations[name], default) for name, default in asdict(group).items())


def _option(group: str, name: str, annotation: Any, default: Any) -> Option:
    hint, setting = get_args(annotation)
    is_optional = type(None) in get_args(hint)
    kind = get_args(hint)[0] if is_optional else get_origin(hint) or hint
    return Option(
        **asdict(setting),
        group=group, name=name, type=kind, is_optional=is_optional, default=default,
    )  # fmt: skip
