"""What the backend runs, whatever kind of file it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from msgspec import Struct

from longshore.backends.base import Device
from longshore.backends.framework_backend import load_failure, plain
from longshore.errors import ModelLoadError
from longshore.tensors import Signature


class Program(Struct, frozen=True):
    """A model that torch has opened."""

    signature: Signature
    call: Callable[[Mapping[str, Any]], dict[str, Any]]
    """Takes every input by name; returns every output by name, and perhaps more."""


def refused(path: Path, error: Exception, device: Device) -> ModelLoadError:
    """The failure to open `path`, in torch's words."""
    return load_failure(path, error, f"torch {torch.__version__}: {plain(error)}", device)
