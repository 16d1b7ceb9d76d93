"""A document as its reader takes it: files to write and commands to run, in their order."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_NAME = re.compile(r"`([\w/-]+\.\w+)`")
_CODE = ("python", "yaml", "json")


@dataclass(frozen=True)
class File:
    """A block under a paragraph that ends with a colon and has the file's name."""

    name: str
    text: str


@dataclass(frozen=True)
class Command:
    """What stands behind a `$`, without its comment, and what it prints; `...` is anything."""

    text: str
    comment: str
    output: str

    @property
    def exit_code(self) -> int:
        """0 unless the comment says another."""
        found = re.search(r"exit code (\d+)", self.comment)
        return int(found[1]) if found else 0

    @property
    def words(self) -> list[str]:
        """Of all of its lines, without a document that follows."""
        return shlex.split(re.sub(r"\\\n\s*", " ", self.text).partition("<<")[0], comments=True)


def steps(text: str) -> Iterator[File | Command]:
    for block in _BLOCK.finditer(text):
        indent, language, body = block.groups()
        body = re.sub(rf"^{indent}", "", body, flags=re.MULTILINE)
        lead = text[: block.start()].strip().rpartition("\n\n")[2]
        named = _NAME.findall(lead) if lead.endswith(":") else []
        if language in _CODE and named:
            yield File(named[-1], body)
        elif language == "console":
            yield from _commands(body.splitlines())


def commands(document: Path) -> list[Command]:
    """All of a document."""
    found = steps(document.read_text(encoding="utf-8"))
    return [step for step in found if isinstance(step, Command)]


def _commands(lines: list[str]) -> Iterator[Command]:
    rest = list(lines)
    while rest:
        line = rest.pop(0)
        if not line.startswith("$ "):
            continue
        text = line[2:]
        while not _is_whole(text) and rest:
            text += "\n" + rest.pop(0)
        output: list[str] = []
        while rest and not rest[0].startswith("$ "):
            output.append(rest.pop(0))
        bare, comment = _without_comment(text)
        yield Command(bare, comment, "\n".join(output).strip())


def _is_whole(text: str) -> bool:
    if text.endswith("\\"):
        return False
    if heredoc := re.search(r"<<-?'?(\w+)'?", text):
        return text.endswith(f"\n{heredoc[1]}")
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return False
    return True


def _without_comment(text: str) -> tuple[str, str]:
    """Only of a command on one line: those of more lines have none."""
    found = re.fullmatch(r"([^\n]*?) +# ([^\n]*)", text)
    return (found[1], found[2]) if found else (text, "")
