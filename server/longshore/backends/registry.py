"""Which backend loads which format; only the one that is needed is imported."""

from __future__ import annotations

import importlib

from msgspec import Struct

from longshore.backends.base import Backend, Device
from longshore.errors import ModelConfigError, ModelLoadError
from longshore.repository.integrity import VerifiedArtifact
from longshore.repository.layout import ArtifactFormat
from longshore.repository.model_config import ModelConfig


class _Entry(Struct, frozen=True):
    """Where a backend is, and what has to be installed for it."""

    target: str
    """Module and class; a string, so that a server of ONNX models never imports torch."""
    package: str | None = None
    extra: str | None = None


_BACKENDS = {
    "onnxruntime": _Entry(
        "longshore.backends.ort.backend:OnnxRuntimeBackend", "onnxruntime", "onnx"
    ),
    "pytorch": _Entry("longshore.backends.pytorch.backend:TorchBackend", "torch", "torch"),
    "identity": _Entry("longshore.backends.identity_backend:IdentityBackend"),
}


def create_backend(
    verified: VerifiedArtifact, *, config: ModelConfig, device: Device, threads: int
) -> Backend:
    """Load `verified`; `threads` is the number of CPU threads one execution may use.

    Raises:
        ModelConfigError: the config names a backend that does not load this format.
        ModelLoadError: the backend's package is not installed, or `Backend.load` refuses.
    """
    artifact = verified.artifact
    wanted = artifact.format.backend
    if config.backend not in (None, wanted):
        raise ModelConfigError(
            f"{config.file}: backend: found {config.backend!r}, "
            f"allowed for {artifact.path.name}: {wanted}"
        )
    backend_class = find_backend_class(artifact.format)
    return backend_class.load(verified, config=config, device=device, threads=threads)


def examine(verified: VerifiedArtifact) -> None:
    """As `Backend.examine`, of the backend that loads it.

    Raises:
        ModelLoadError: the backend's package is not installed, or the file is refused.
    """
    find_backend_class(verified.artifact.format).examine(verified)


def find_backend_class(format: ArtifactFormat) -> type[Backend]:
    """Import the backend that loads `format`.

    Raises:
        ModelLoadError: its package is not installed.
    """
    entry = _BACKENDS[format.backend]
    module_name, _, class_name = entry.target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if entry.package is None or error.name != entry.package:
            raise
        raise ModelLoadError(
            f"the format {format} needs the extra: pip install 'longshore[{entry.extra}]'"
        ) from error
    backend_class: type[Backend] = getattr(module, class_name)
    return backend_class
