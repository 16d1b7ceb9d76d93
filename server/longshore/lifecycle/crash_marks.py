"""Versions that the process ended with, remembered for the next start.

A file in the calibration cache, which outlives the container, is written before a version is tried
or loaded and taken away once that has ended in order. One that is found at a start tells that the
process ended meanwhile, by a crash, by the kernel for want of memory, or with its node.

{"format": 1, "model": "echo", "version": "2", "files": "<digest>", "ends": 1, "reason": "",
 "process": "1 4711"}
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
from contextlib import suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import asdict, replace

from longshore.repository.artifact import Artifact
from longshore.repository.model_config import ModelConfig
from longshore.repository.regular_file import read_bounded

logger = logging.getLogger(__name__)

FORMAT = 1
MOST_BYTES = 65536
MOST_ENDS = 2
"""A version is tried once more after the first: a node may lose power, a child harms nobody."""


class Mark(Struct, frozen=True):
    """What is known of one version with these files."""

    model: str
    version: str
    files: str
    ends: int
    """How often it was begun and not ended."""
    reason: str
    """Why it must not be tried again; empty when it may."""
    process: str
    """That began it."""
    format: int = FORMAT

    @property
    def refusal(self) -> str:
        """In a sentence; empty when it may be tried."""
        if self.reason:
            return f"{self.reason} (remembered from an earlier start)"
        if self.ends >= MOST_ENDS:
            return f"the process ended {self.ends} times while it was tried or loaded"
        return ""


class CrashMarks:
    """Of one model, in `directory`; `None` remembers nothing. Written and read on worker threads,
    one at a time.
    """

    def __init__(self, directory: Path | None, *, process: str = "") -> None:
        self._directory = directory
        self._process = process or _own_process()
        self._marks: dict[str, Mark] | None = None
        """By version; those of earlier processes and our own."""

    def find(self, artifact: Artifact, config: ModelConfig) -> Mark | None:
        """That of this very version, when an earlier process left one."""
        if self._marks is None:
            self._marks = self._read_all(artifact.model_name)
        mark = self._marks.get(artifact.version)
        return mark if mark is not None and mark.files == _files(artifact, config) else None

    def begin(self, artifact: Artifact, config: ModelConfig) -> None:
        """What follows may end this process."""
        earlier = self.find(artifact, config)
        ends = 1 if earlier is None else earlier.ends + 1
        files = _files(artifact, config)
        self._write(Mark(artifact.model_name, artifact.version, files, ends, "", self._process))

    def end(self, artifact: Artifact, config: ModelConfig, reason: str = "") -> None:
        """It did not; `reason` keeps it from being tried again as it is."""
        mark = self.find(artifact, config)
        if mark is None:
            return
        if reason:
            self._write(replace(mark, reason=reason))
        else:
            self._remove(mark)

    def forget(self) -> None:
        """Whatever is remembered may be tried again: somebody asked for it."""
        for mark in list((self._marks or {}).values()):
            self._remove(mark)

    def _read_all(self, model: str) -> dict[str, Mark]:
        found: dict[str, Mark] = {}
        if self._directory is None:
            return found
        for file in sorted(self._directory.glob(f"{_prefix(model)}*.json")):
            mark = _read(file)
            if mark is None or mark.model != model or _runs(mark.process, self._process):
                continue
            logger.warning(
                "an earlier process ended with a version: name=%s version=%s ends=%d reason=%s",
                model,
                mark.version,
                mark.ends,
                mark.reason,
            )
            found[mark.version] = mark
        return found

    def _write(self, mark: Mark) -> None:
        assert self._marks is not None
        self._marks[mark.version] = mark
        if self._directory is None:
            return
        file = self._file(mark)
        draft = file.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(asdict(mark)), encoding="utf-8")
            draft.replace(file)
        except OSError as error:
            logger.warning(
                "a crash would not be remembered: directory=%s error=%s", self._directory, error
            )
            with suppress(OSError):
                draft.unlink()

    def _remove(self, mark: Mark) -> None:
        if self._marks is not None:
            self._marks.pop(mark.version, None)
        if self._directory is not None:
            with suppress(OSError):
                self._file(mark).unlink()

    def _file(self, mark: Mark) -> Path:
        assert self._directory is not None
        return self._directory / f"{_prefix(mark.model)}{mark.version}.json"


def _prefix(model: str) -> str:
    """Pods that share a cache do not share their crashes: the next start of this one decides."""
    name = hashlib.sha256(f"{socket.gethostname()} {model}".encode()).hexdigest()[:16]
    return f"begun-{name}-"


def _files(artifact: Artifact, config: ModelConfig) -> str:
    facts = f"{artifact.directory} {artifact.state} {config!r}"
    return hashlib.sha256(facts.encode(errors="surrogateescape")).hexdigest()


def _read(file: Path) -> Mark | None:
    try:
        content = read_bounded(file, inside=file.parent.resolve(), max_bytes=MOST_BYTES)
        mark = Mark(**json.loads(content))
        texts = (mark.model, mark.version, mark.files, mark.reason, mark.process)
        if mark.format == FORMAT and type(mark.ends) is int and all(type(t) is str for t in texts):
            return mark
    except (OSError, ValueError, TypeError, RecursionError) as error:
        logger.warning("mark of a crash ignored: file=%s error=%s", file, error)
    return None


def _own_process() -> str:
    return _process(os.getpid())


def _process(pid: int) -> str:
    """Its number and when it began, in ticks since the boot (proc_pid_stat(5), field 22)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        return f"{pid} {fields[19]}"
    except (OSError, IndexError):
        return f"{pid} 0"


def _runs(process: str, own: str) -> bool:
    """Whether another process that began something is still at it."""
    pid = process.partition(" ")[0]
    return process != own and pid.isdecimal() and _process(int(pid)) == process
