"""What a volume would have the server do, for people who look before they deploy."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from longshore.errors import ModelConfigError, ModelLoadError
from longshore.repository.layout import Artifact, ModelRepository, VersionProblem
from longshore.repository.model_config import ModelConfig


class Inspection(Struct, frozen=True):
    """The structure alone; names and shapes of tensors are in the artifacts."""

    root: Path
    model_name: str | None
    """`None` when the configuration or the name is wrong."""
    config: ModelConfig | None
    artifacts: tuple[Artifact, ...]
    problems: tuple[VersionProblem, ...]
    fault: str | None
    """What keeps the whole model from being served."""

    @property
    def is_servable(self) -> bool:
        return self.fault is None and bool(self.artifacts)


def inspect(repository: ModelRepository) -> Inspection:
    """Never raises for what is on the volume: that is what it reports."""
    config: ModelConfig | None = None
    model_name: str | None = None
    try:
        config = repository.config()
        model_name = repository.model_name()
        scan = repository.scan()
    except (ModelConfigError, ModelLoadError) as error:
        return Inspection(repository.root, model_name, config, (), (), str(error))
    return Inspection(
        repository.root, model_name, config, scan.artifacts, scan.problems, fault=None
    )
