"""Maps in documents: code blocks of folders and files, indented by depth, each with what it is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_ENTRY = re.compile(r"^( *)([\w./-]+)(?:  +\S|, and:|$)")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NOT_SOURCE = {"__pycache__", "build", "dist"}


def maps(document: Path) -> list[set[str]]:
    """The paths that each code block without a language lists, folders with a `/` at the end."""
    return [
        _paths(block.splitlines())
        for language, block in _BLOCK.findall(document.read_text(encoding="utf-8"))
        if not language
    ]


def folders(parent: Path) -> set[str]:
    """Folders of source directly in `parent`, as a map lists them."""
    return {
        f"{path.name}/"
        for path in parent.iterdir()
        if path.is_dir() and not path.name.startswith(".") and path.name not in _NOT_SOURCE
        if not path.name.endswith(".egg-info")
    }


def modules(parent: Path) -> set[str]:
    """Modules directly in `parent`, as a map lists them."""
    return {path.name for path in parent.glob("*.py")} - {"__init__.py"}


def _paths(lines: Iterable[str]) -> set[str]:
    parents: list[tuple[int, str]] = []
    found = set()
    for line in lines:
        entry = _ENTRY.match(line)
        if entry is None:
            continue
        depth, name = len(entry[1]), entry[2]
        while parents and parents[-1][0] >= depth:
            parents.pop()
        path = (parents[-1][1] if parents else "") + name
        found.add(path)
        if name.endswith("/"):
            parents.append((depth, path))
    return found
