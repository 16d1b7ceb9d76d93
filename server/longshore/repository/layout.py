"""Where a model's versions lie on the volume (design: "A model on the volume").

<model>/config.yaml
<model>/<version>/model.onnx | model.pt | model.pt2
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class ArtifactFormat(StrEnum):
    """The allow-list of what can be loaded; a file with any other name is never opened."""

    ONNX = "onnx"
    TORCHSCRIPT = "torchscript"
    PT2 = "pt2"
    IDENTITY = "identity"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One version of a model, found on the volume and not yet loaded."""

    model_name: str
    version: str
    """A decimal number, as Triton names version directories."""
    directory: Path
    """The version directory, or the model directory for a lone file."""
    path: Path
    """The file to load, resolved, inside the model root."""
    format: ArtifactFormat
