"""Values of the chart from files, one over the other."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml

from longshore.errors import SettingsError
from longshore_k8s.api import Json


def read_values(paths: Iterable[Path], base: Json) -> Json:
    """Later files over earlier ones, over `base`, as Helm merges them.

    Raises:
        SettingsError: a file is missing or is no YAML mapping.
    """
    merged = base
    for path in paths:
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise SettingsError(f"--values: {path} cannot be read: {error}") from error
        if not isinstance(document or {}, dict):
            raise SettingsError(f"--values: {path} is no mapping of the chart's values")
        merged = merge(merged, document or {})
    return merged


def merge(base: Json, over: Json) -> Json:
    """Block by block; lists and texts are replaced."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        is_nested = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = merge(old, value) if is_nested and isinstance(old, dict) else value
    return merged
