"""The values of the chart as chart/values.yaml describes them, in the form of helm-docs:

`# -- what it does` above a key, `# @default -- what it is` where the default is derived, and
`# @section -- Heading` above the first key of a section.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

VALUES = Path(__file__).parents[2] / "chart/values.yaml"
_KEY = re.compile(r"^( *)([A-Za-z][A-Za-z0-9]*):")
_COMMENT = re.compile(r"^ *# ?(.*)$")


@dataclass(frozen=True, slots=True)
class Value:
    """One described key: its path with dots, its default as YAML, and what it does."""

    path: str
    section: str
    default: str
    text: str


@dataclass(slots=True)
class _Comment:
    """The lines of comment since the last key."""

    text: list[str] = field(default_factory=list)
    default: list[str] = field(default_factory=list)
    reads: list[str] | None = None

    def take(self, line: str) -> None:
        for mark, target in (("-- ", self.text), ("@default -- ", self.default)):
            if line.startswith(mark):
                self.reads = target
                line = line.removeprefix(mark)
        if self.reads is not None:
            self.reads.append(line)


def described_values(source: str) -> list[Value]:
    """Every key of a values file that has a description, in the order of the file."""
    return list(_described(source.splitlines(), yaml.safe_load(source)))


def undescribed(source: str) -> list[str]:
    """Paths of the keys that hold a default of their own and have no description."""
    described = {value.path for value in described_values(source)}

    def missing(path: str, default: Any) -> Iterator[str]:
        if path in described:
            return
        if isinstance(default, dict) and default:
            for key, entry in default.items():
                yield from missing(f"{path}.{key}" if path else key, entry)
        else:
            yield path

    return list(missing("", yaml.safe_load(source)))


def _described(lines: list[str], defaults: dict[str, Any]) -> Iterator[Value]:
    parents: list[tuple[int, str]] = []
    comment, section = _Comment(), "The release"
    for line in lines:
        if key := _KEY.match(line):
            indent = len(key[1])
            parents = [parent for parent in parents if parent[0] < indent] + [(indent, key[2])]
            names = [name for _, name in parents]
            if comment.text:
                default = " ".join(comment.default) or _shown(_at(defaults, names))
                yield Value(".".join(names), section, default, " ".join(comment.text))
            comment = _Comment()
        elif remark := _COMMENT.match(line):
            heading = remark[1].removeprefix("@section -- ")
            section = heading if heading != remark[1] else section
            comment.take(remark[1] if heading == remark[1] else "")
        else:
            comment = _Comment()


def _at(defaults: Any, names: list[str]) -> Any:
    for name in names:
        defaults = defaults[name]
    return defaults


def _shown(default: Any) -> str:
    return f"`{json.dumps(default)}`"
