"""What is to be pushed: one version of a model directory, looked at as a server would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from longshore.commands.inspect import print_version
from longshore.errors import ModelLoadError
from longshore.loading.records.recorded_calibrations import of_artifact
from longshore.progress import Progress
from longshore.repository.artifact import Artifact
from longshore.repository.inspection import Inspection, inspect
from longshore.repository.integrity import hash_file, open_verified, verify
from longshore.repository.layout import CONFIG_FILE, ModelRepository
from longshore.repository.manifest import Manifest, read_manifest
from longshore.repository.model_config import ModelConfig
from longshore.repository.regular_file import IrregularFile


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version, with the digests of its files."""

    version: str
    """The number that it gets there."""
    directory: Path
    manifest: Manifest
    config: str | None
    """The model's `config.yaml`."""
    calibrations: Mapping[str, str] = field(default_factory=dict)
    """Texts by the name of their file there."""

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.manifest.files.values())


def choose(
    root: Path, number: int | None, *, runs: bool, progress: Progress | None = None
) -> ModelVersion:
    """The version `number` of a model directory, by default the newest that would be served. A
    lone artifact gets that number, or 1. What is found is printed as `longshore inspect` does;
    with `runs` the version is loaded and executed.

    Raises:
        ModelLoadError, ModelConfigError: it would not be served; says why.
    """
    if not root.is_dir():
        raise ModelLoadError(f"{root}: not a directory of a model")
    is_lone = ModelRepository(root, settle_seconds=0).directories() == (root,)
    pinned = None if is_lone else number
    found = inspect(ModelRepository(root, version=pinned, settle_seconds=0))
    artifact, config = _newest(found)
    if not runs:
        verify(artifact)
    elif not print_version(config, artifact):
        raise ModelLoadError(
            f"{artifact.directory}: not pushed, since it would not be served; --no-run pushes what "
            f"this machine alone cannot load"
        )
    version = str(number or 1) if is_lone else artifact.version
    manifest = _manifest(artifact, progress or Progress())
    calibrations = of_artifact(
        root, _digest(artifact, manifest), version=version, becomes=manifest.digest
    )
    return ModelVersion(version, artifact.directory, manifest, _config_text(root), calibrations)


def _newest(found: Inspection) -> tuple[Artifact, ModelConfig]:
    if found.fault:
        raise ModelLoadError(found.fault)
    if not found.artifacts:
        raise ModelLoadError("; ".join(problem.message for problem in found.problems))
    assert found.config is not None
    return found.artifacts[-1], found.config


def _manifest(artifact: Artifact, progress: Progress) -> Manifest:
    """The one that is there, which was compared; of a lone artifact, of what lies beside it."""
    if not artifact.is_lone:
        there = read_manifest(artifact.directory, inside=artifact.directory)
        if there is not None:
            return there
    names = [
        name for name in artifact.files
        if not artifact.is_lone or (name != CONFIG_FILE and not name.startswith("."))
    ]  # fmt: skip
    sizes = ((artifact.directory / name).stat().st_size for name in names)
    progress.begin("hashing", total_bytes=sum(sizes))
    try:
        return Manifest({name: hash_file(artifact.directory, name, progress) for name in names})
    except IrregularFile as error:
        raise ModelLoadError(f"{artifact.directory}: {error}") from error


def _digest(artifact: Artifact, manifest: Manifest) -> str:
    """Of what is here: beside a lone artifact lies more than what is pushed of it."""
    if not artifact.is_lone:
        return manifest.digest
    with open_verified(artifact) as verified:
        return verified.digest()


def _config_text(root: Path) -> str | None:
    file = root / CONFIG_FILE
    return file.read_text(encoding="utf-8") if file.exists() else None
