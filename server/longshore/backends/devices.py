"""From the name of a device to the device."""

from __future__ import annotations

import re

from longshore.backends.base import Device
from longshore.backends.registry import find_backend_class
from longshore.errors import ModelLoadError
from longshore.repository.layout import ArtifactFormat

_CUDA = re.compile(r"cuda(?::(\d{1,3}))?")


def resolve_device(name: str, *, format: ArtifactFormat) -> Device:
    """The device called `cpu`, `cuda`, `cuda:N` or `auto`; only `auto` ever becomes the CPU when
    the backend of `format` has no CUDA.

    Raises:
        ModelLoadError: another name, CUDA is asked for and not there, or the backend's package is
            not installed.
    """
    if name == "cpu":
        return Device("cpu")
    match = _CUDA.fullmatch(name)
    if match is None and name != "auto":
        raise ModelLoadError(f"device: found {name!r}, allowed: auto, cpu, cuda, cuda:N")
    backend_class = find_backend_class(format)
    problem = backend_class.cuda_problem()
    if match is None:
        return Device("cuda") if problem is None else Device("cpu")
    if problem is not None:
        raise ModelLoadError(f"device {name} was asked for, but {problem}")
    return Device("cuda", int(match[1] or 0))
