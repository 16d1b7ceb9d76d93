"""From the name of a device to the device, or to the reason why it cannot be had."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import MutableMapping

from longshore.backends.base import CudaOptions, Device
from longshore.backends.devices.health import DeviceHealth
from longshore.backends.registry import find_backend_class
from longshore.errors import ModelLoadError
from longshore.repository.layout import ArtifactFormat

logger = logging.getLogger(__name__)

ALLOWED = "auto, cpu, cuda, cuda:N, GPU-<uuid>, MIG-<uuid>"
VISIBLE = "CUDA_VISIBLE_DEVICES"
"""Read by the CUDA driver, once, when the process first asks it for anything."""
GIVEN = "NVIDIA_VISIBLE_DEVICES"
"""Read by NVIDIA's container runtime, when it makes the container."""
_CUDA = re.compile(r"cuda(?::(\d{1,3}))?")
_UUID = re.compile(r"(?:GPU|MIG)-[0-9A-Za-z][0-9A-Za-z/-]*")


def resolve_device(
    name: str,
    *,
    format: ArtifactFormat,
    options: CudaOptions | None = None,
    health: DeviceHealth | None = None,
    environ: MutableMapping[str, str] = os.environ,
) -> Device:
    """The device called `name`; only `auto` ever becomes the CPU when there is no usable GPU.

    Raises:
        ModelLoadError: another name, a GPU that is asked for and not there, or the backend's
            package is not installed.
    """
    options, health = options or CudaOptions(), health or DeviceHealth()
    if name == "cpu":
        return Device("cpu", health=health)
    index = _index(name, environ)
    problem = find_backend_class(format).cuda_problem(index)
    if problem is None:
        return Device("cuda", index, options, health)
    problem += _hint(environ)
    if name != "auto":
        raise ModelLoadError(f"device {name} was asked for, but {problem}")
    logger.warning("device auto is the CPU: %s", problem)
    return Device("cpu", health=health)


def _index(name: str, environ: MutableMapping[str, str]) -> int:
    """The number by which CUDA knows the device."""
    if name == "auto":
        return 0
    if _UUID.fullmatch(name):
        _show_only(name, environ)
        return 0
    match = _CUDA.fullmatch(name)
    if match is None:
        raise ModelLoadError(f"device: found {name!r}, allowed: {ALLOWED}")
    return int(match[1] or 0)


def _show_only(uuid: str, environ: MutableMapping[str, str]) -> None:
    """CUDA selects by UUID, and a MIG slice at all, through its environment alone."""
    visible = environ.get(VISIBLE)
    listed = [] if visible is None else [entry.strip() for entry in visible.split(",")]
    # CUDA itself understands the beginning of a UUID.
    if visible is not None and not any(entry and uuid.startswith(entry) for entry in listed):
        raise ModelLoadError(
            f"device {uuid} was asked for, but {VISIBLE}={visible!r} does not list it"
        )
    environ[VISIBLE] = uuid


def _hint(environ: MutableMapping[str, str]) -> str:
    """What the environment says about it, as the rest of the sentence."""
    if environ.get(VISIBLE, "0").strip() in ("", "-1", "NoDevFiles"):
        return f"; {VISIBLE}={environ[VISIBLE]!r} hides every GPU"
    if environ.get(GIVEN, "all").strip() in ("", "none", "void"):
        return (
            f"; {GIVEN}={environ[GIVEN]!r} says that this container was given none: a pod asks for "
            f"one by a resource such as nvidia.com/gpu"
        )
    if VISIBLE in environ:
        return f"; {VISIBLE}={environ[VISIBLE]!r}"
    return ""
