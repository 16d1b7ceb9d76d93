"""What the client in the cluster is told, and what it says: JSON, a document a line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from longshore.errors import SettingsError
from longshore_k8s.capacity.client_process import Address
from longshore_k8s.capacity.measured import Measured
from longshore_k8s.capacity.objective import Objective
from longshore_k8s.capacity.pace import Pace
from longshore_k8s.capacity.unsound import UnsoundError
from longshore_k8s.capacity.wanted import Wanted

FORMAT = 1
TELL, STEP, VERSIONS, MEASURED, ERROR = "tell", "step", "versions", "measured", "error"
"""What a line may be of."""


@dataclass(frozen=True, slots=True)
class ClientTask:
    """A server that is ready, and how it is measured."""

    address: Address
    management: Address
    model: str
    wanted: Wanted

    def document(self) -> dict[str, Any]:
        wanted = {key: value for key, value in asdict(self.wanted).items() if key != "payload"}
        return {
            "format": FORMAT,
            "address": asdict(self.address),
            "management": asdict(self.management),
            "model": self.model,
            "wanted": wanted,
        }

    @classmethod
    def of(cls, document: dict[str, Any], payload: Path) -> ClientTask:
        """From `document()` as JSON has it; `payload` counts where there is such a file.

        Raises:
            SettingsError: it is of another version.
        """
        if document.get("format") != FORMAT:
            raise SettingsError(
                f"the task has the format {document.get('format')!r} where the image of the "
                f"release knows {FORMAT}: take the `longshore` of the image's version"
            )
        wanted = document["wanted"]
        pace: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in wanted["pace"].items()
        }
        return cls(
            Address(**document["address"]),
            Address(**document["management"]),
            document["model"],
            Wanted(
                **{
                    **wanted,
                    "objective": Objective(**wanted["objective"]),
                    "pace": Pace(**pace),
                    "payload": payload if payload.exists() else None,
                    "headers": tuple(wanted["headers"]),
                    "serve_options": tuple(wanted["serve_options"]),
                }
            ),
        )


class Told:
    """What the lines of a log have said so far; each line is taken once."""

    def __init__(
        self, tell: Callable[[str], None], record: Callable[[dict[str, Any]], None]
    ) -> None:
        self._tell = tell
        self._record = record
        self._lines = 0
        self._steps: list[dict[str, Any]] = []
        self._rest: list[str] = []
        """Lines that are none of ours: what a program says that fails."""
        self.versions = ""
        self.measured: Measured | None = None

    def take(self, log: str) -> None:
        """The whole log so far.

        Raises:
            UnsoundError: the client has no number, in its words.
        """
        lines = log.split("\n")[:-1]
        for line in lines[self._lines :]:
            self._lines += 1
            for name, value in _said(line):
                self._hear(name, value)
                break
            else:
                self._rest.append(line)

    @property
    def last_words(self) -> str:
        return " / ".join(line for line in self._rest[-5:] if line.strip()) or "it left no words"

    def _hear(self, name: str, value: Any) -> None:
        if name == TELL:
            self._tell(value)
        elif name == STEP:
            self._steps.append(value)
            self._record(value)
        elif name == VERSIONS:
            self.versions = value
        elif name == ERROR:
            raise UnsoundError(value)
        elif name == MEASURED:
            self.measured = replace(Measured.of(value), steps=tuple(self._steps))


def line_of(name: str, value: Any) -> str:
    return json.dumps({name: value}, allow_nan=False)


def _said(line: str) -> Iterator[tuple[str, Any]]:
    try:
        document = json.loads(line)
    except ValueError:
        return
    if isinstance(document, dict):
        yield from document.items()
