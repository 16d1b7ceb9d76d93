"""What can be loaded, and one version of it that was found."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from longshore.repository.manifest import ManifestPolicy


class ArtifactFormat(StrEnum):
    """The allow-list of what can be loaded; a file with any other name is never opened."""

    ONNX = "onnx"
    TORCHSCRIPT = "torchscript"
    PT2 = "pt2"
    IDENTITY = "identity"

    @property
    def backend(self) -> str:
        """The `backend` of the config that loads it."""
        return _BACKENDS[self]


SAMPLES_FILE = "samples.json"
"""Beside the artifact: an inference request, or a list of them, that the version answers."""
FORMATS = {
    "model.onnx": ArtifactFormat.ONNX,
    "model.pt": ArtifactFormat.TORCHSCRIPT,
    "model.pt2": ArtifactFormat.PT2,
    "model.identity": ArtifactFormat.IDENTITY,
}
"""By file name in a version directory."""
_BACKENDS = {
    ArtifactFormat.ONNX: "onnxruntime",
    ArtifactFormat.TORCHSCRIPT: "pytorch",
    ArtifactFormat.PT2: "pytorch",
    ArtifactFormat.IDENTITY: "identity",
}


class Artifact(Struct, frozen=True):
    """One version of a model, found on the volume and not yet loaded."""

    model_name: str
    version: str
    """A decimal number, as Triton names version directories."""
    directory: Path
    """The version directory, or the directory of a lone file; resolved."""
    path: Path
    """The file to load, resolved, inside the model root."""
    format: ArtifactFormat
    files: tuple[str, ...] = ()
    """What belongs to the version besides its manifest, relative to `directory`; empty means the
    file alone.
    """
    is_lone: bool = False
    """Whether `directory` may hold things that are not the version's."""
    manifest: ManifestPolicy = "optional"
    fingerprint: str = ""
    """Changes when a file of the version is replaced or written to."""
    manifest_fingerprint: str = ""
    """That of the manifest; see `is_same_version`."""

    @property
    def state(self) -> str:
        """Changes when it is worth to try the version again, once it was refused."""
        return f"{self.fingerprint} {self.manifest_fingerprint}"

    def is_same_version(self, other: Artifact) -> bool:
        """Whether one that serves `other` serves this: another manifest makes no other version."""
        return self == replace(other, manifest_fingerprint=self.manifest_fingerprint)
