from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from longshore.repository.layout import ModelRepository

NOW = 1_800_000_000.0
LONG_AGO = NOW - 86_400


class Clock:
    """Seconds since the epoch that pass when a test says so."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """An empty model directory."""
    root = tmp_path / "digits"
    root.mkdir()
    return root


@pytest.fixture
def write() -> Callable[..., Path]:
    """Write a file whose own and whose directory's modification lie `at`, by default a day ago."""

    def write_file(path: Path, content: bytes = b"weights", *, at: float = LONG_AGO) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (at, at))
        os.utime(path.parent, (at, at))
        return path

    return write_file


@pytest.fixture
def repository(model: Path, clock: Clock) -> ModelRepository:
    return ModelRepository(model, clock=clock)
