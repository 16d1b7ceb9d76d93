"""Every setting as a row, for whoever reads, documents or checks them all."""

from __future__ import annotations

from dataclasses import Field, fields
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from longshore.settings.groups import Settings
from longshore.settings.option import Option


@cache
def option_table() -> tuple[Option, ...]:
    """Every setting in the order of the groups; names are unique across groups."""
    return tuple(
        _option(group.name, setting, hints[setting.name])
        for group in fields(Settings)
        for hints in [get_type_hints(type(group.default))]
        for setting in fields(type(group.default))  # type: ignore[arg-type]
    )


def _option(group: str, setting: Field[Any], hint: Any) -> Option:
    is_optional = type(None) in get_args(hint)
    kind = get_args(hint)[0] if is_optional else get_origin(hint) or hint
    return Option(group, setting.name, kind, is_optional, setting.default, **setting.metadata)
