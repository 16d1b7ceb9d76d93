"""`config.yaml` of a model, read anew only when it may have changed.

Every look at the volume asks for it, and YAML takes a second for a MiB.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from longshore.errors import ModelConfigError
from longshore.repository.model_config import ModelConfig

_RACY_SECONDS = 2.0
"""A file that changed as late as this may change again and show the same times."""

_Identity: TypeAlias = tuple[int, int, int, int, int]


class ConfigFile:
    """The file at `path`; an absent one is an empty config."""

    def __init__(self, path: Path, *, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._known: tuple[_Identity, ModelConfig | str] | None = None
        """What was read last, or why it is refused."""

    def read(self) -> ModelConfig:
        """Raises:
        ModelConfigError: a mistake in it, or it cannot be read.
        """
        if not self._path.parent.is_dir() or not os.path.lexists(self._path):
            return ModelConfig()
        before = self._identity()
        if self._known is not None and before == self._known[0]:
            found = self._known[1]
        else:
            found = self._parse()
            self._known = None if before is None else (before, found)
        if isinstance(found, str):
            raise ModelConfigError(found)
        return found

    def _parse(self) -> ModelConfig | str:
        from longshore.repository.config.document import load_model_config  # many have none

        try:
            return load_model_config(self._path, inside=self._path.parent.resolve())
        except ModelConfigError as error:
            return str(error)

    def _identity(self) -> _Identity | None:
        """`None` where the next look has to read it anyway."""
        try:
            now, status = self._clock(), os.stat(self._path)
        except OSError:
            return None
        if abs(now - max(status.st_mtime, status.st_ctime)) < _RACY_SECONDS:
            return None
        return (
            status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
        )  # fmt: skip
