"""Where a model's versions lie on the volume (design: "A model on the volume").

<model>/config.yaml
<model>/<version>/model.onnx | model.pt | model.pt2
<model>/<version>/manifest.json

Every scan looks at what a version consists of, so that one which is being copied, is broken, or
leads out of the model directory is a line in `Scan.problems` and never disturbs what serves.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from longshore.errors import ModelConfigError, ModelLoadError
from longshore.repository import version_policy
from longshore.repository.artifact import FORMATS
from longshore.repository.artifact import Artifact as Artifact
from longshore.repository.artifact import ArtifactFormat as ArtifactFormat
from longshore.repository.config_file import ConfigFile
from longshore.repository.manifest import ManifestPolicy
from longshore.repository.model_config import ModelConfig, VersionPolicy
from longshore.repository.overfull import Overfull
from longshore.repository.regular_file import IrregularFile, describe_mode
from longshore.repository.turns import Turns
from longshore.repository.version_files import Stillness, entries_of
from longshore.repository.version_reader import (
    StillChanging,
    VersionReader,
    content_directory,
    present,
)

CALIBRATION_DIRECTORY = "calibration"
"""Beside the versions, with what `longshore calibrate` wrote."""
CONFIG_FILE = "config.yaml"
MAX_ARTIFACT_BYTES = 64 * 1024**3

_MODEL_NAME = re.compile(r"(?!\.+$)[A-Za-z0-9._-]{1,128}")


class VersionProblem(Struct, frozen=True):
    """Why a version, or something that looks like one, is not served."""

    version: str
    message: str
    is_temporary: bool = False
    """Half-copied or just changed: it may be fine in a moment, and what serves should stay."""
    files: str = ""
    """Fingerprint of the files that are meant; empty when they could not be listed."""


class Scan(Struct, frozen=True):
    """What one look at the volume found."""

    artifacts: tuple[Artifact, ...]
    """The versions to serve, oldest first, each complete and still."""
    problems: tuple[VersionProblem, ...]
    passed_over: tuple[str, ...] = ()
    """Versions that would be served, had they not been passed over."""
    config: ModelConfig = field(default_factory=ModelConfig)
    """`config.yaml` as it was."""


PassesOver = Callable[[Artifact, ModelConfig], bool]
"""Whether a version was tried as it is and is passed over in favour of the next."""


class ModelRepository:
    """The versions of one model.

    `root` is a model directory, or an artifact file that is served as version 1 without any
    configuration. Links are followed inside the directory and nowhere else. `version` is the one to
    serve, whatever the config says.
    """

    def __init__(
        self,
        root: Path,
        *,
        name: str | None = None,
        version: int | None = None,
        settle_seconds: float = 2.0,
        manifest: ManifestPolicy = "optional",
        clock: Callable[[], float] = time.time,
        max_artifact_bytes: int = MAX_ARTIFACT_BYTES,
    ) -> None:
        self.root = root
        self._name = name
        self._pinned = None if version is None else VersionPolicy("specific", versions=(version,))
        self._fixed_name: str | None = None
        self._stillness = Stillness(settle_seconds, clock=clock)
        self._turns = Turns()
        self._overfull = Overfull()
        """Of the root itself."""
        self._reader = VersionReader(
            manifest=manifest,
            max_artifact_bytes=max_artifact_bytes,
            stillness=self._stillness,
            turns=self._turns,
        )
        self._listed: dict[str, Artifact] = {}
        self._config_file = ConfigFile(root / CONFIG_FILE, clock=clock)

    def config(self) -> ModelConfig:
        """What `config.yaml` says now, empty where there is none. A pinned version is its policy.

        Raises:
            ModelConfigError: a mistake in it.
        """
        config = self._config_file.read()
        return replace(config, version_policy=self._pinned) if self._pinned else config

    def model_name(self) -> str:
        """The name given, else the one in the config, else that of the directory or file; it stays
        what it was at first. A config with a mistake, which `scan` reports, names nothing.

        Raises:
            ModelConfigError: it would not fit into a URL as it is.
        """
        try:
            config = self.config()
        except ModelConfigError:
            config = ModelConfig()
        return self._model_name(config)

    def directories(self) -> tuple[Path, ...]:
        """The version directories, oldest first, or the one directory of a lone file: those that
        `longshore manifest` writes a manifest into.

        Raises:
            ModelLoadError: the root is not there or not readable.
        """
        if self.root.is_file():
            return (self.root.parent,)
        try:
            versions = [entry for entry in self._entries() if version_policy.is_version(entry)]
        except OSError as error:
            raise ModelLoadError(f"{self.root}: {error.strerror}") from error
        ordered = tuple(self.root / version for version in sorted(versions, key=int))
        return ordered or (self.root,)

    def scan(
        self,
        passes_over: PassesOver = lambda artifact, config: False,
        *,
        is_beside_work: bool = False,
    ) -> Scan:
        """Look at the volume; in place of a version that `passes_over` names the next is served.
        With pauses where it `is_beside_work`.

        A version that was in the last answer and is being changed now stays in this one as it was,
        beside the problem: its bytes are loaded already.

        Raises:
            ModelLoadError: the root is not there or not readable, or has nothing to serve.
            ModelConfigError: a mistake in `config.yaml`, or a name that is not allowed.
        """
        self._turns.begin(is_beside_work=is_beside_work)
        try:
            scan = self._scan_file() if self.root.is_file() else self._scan_root(passes_over)
        except IrregularFile as error:
            raise ModelLoadError(f"{self.root}: {error}") from error
        except OSError as error:
            raise ModelLoadError(f"{self.root}: {error.strerror}") from error
        if not scan.artifacts and not scan.problems and not scan.passed_over:
            raise ModelLoadError(
                f"{self.root}: nothing to serve; looked for directories named 1, 2, 3, ... that "
                f"hold one of {', '.join(FORMATS)}, or for one of these files"
            )
        self._listed = {artifact.version: artifact for artifact in scan.artifacts}
        return scan

    def _scan_root(self, passes_over: PassesOver) -> Scan:
        if not self.root.is_dir():
            kind = describe_mode(self.root.stat().st_mode)
            raise ModelLoadError(f"{self.root}: {kind} is not a model directory or model file")
        config = self.config()
        entries = self._entries()
        versions = [entry for entry in entries if version_policy.is_version(entry)]
        problems = [
            VersionProblem(entry, f"{self.root / entry}: not a version number (1, 2, 3, ...)")
            for entry in entries
            if version_policy.is_almost_version(entry) and (self.root / entry).is_dir()
        ]
        self._stillness.forget_all_but({*versions, "1"})
        if versions:
            return self._scan_versions(versions, config, problems, passes_over)
        return self._scan_lone(config, problems)

    def _entries(self) -> list[str]:
        try:
            with self._overfull.walk(self.root) as gone_into:
                gone_into.note(self.root)
                names = [entry.name for entry in entries_of(self.root, self._turns)]
        except IrregularFile as error:
            raise ModelLoadError(f"{self.root}: {error}") from error
        return [name for name in names if not name.startswith(".")]

    def _scan_versions(
        self,
        versions: list[str],
        config: ModelConfig,
        problems: list[VersionProblem],
        passes_over: PassesOver,
    ) -> Scan:
        policy = config.version_policy
        problems += self._absent(policy, versions)
        for name in present(self.root, FORMATS):
            message = f"{self.root / name}: not served beside version directories"
            problems.append(VersionProblem(name, message))
        artifacts: list[Artifact] = []
        passed_over: list[str] = []
        for version in version_policy.candidates(policy, versions):
            if len(artifacts) == version_policy.limit(policy):
                break
            artifact, problem = self._look(version, self.root / version, config)
            if artifact is not None and passes_over(artifact, config):
                passed_over.append(version)
            elif artifact is not None:
                artifacts.append(artifact)
            problems += [problem] if problem is not None else []
        return Scan(tuple(reversed(artifacts)), tuple(problems), tuple(passed_over), config)

    def _absent(self, policy: VersionPolicy, versions: list[str]) -> list[VersionProblem]:
        source = "model_version" if self._pinned else "version_policy"
        return [
            VersionProblem(
                version, f"{self.root}: {source} names version {version}, which is not there"
            )
            for version in version_policy.missing(policy, versions)
        ]

    def _scan_lone(self, config: ModelConfig, problems: list[VersionProblem]) -> Scan:
        if self._pinned and (absent := self._absent(self._pinned, ["1"])):
            return Scan((), (*problems, *absent), config=config)
        if not present(content_directory(self.root, self.root.resolve()), FORMATS):
            return Scan((), tuple(problems), config=config)
        artifact, problem = self._look("1", self.root, config)
        problems += [problem] if problem is not None else []
        return Scan((artifact,) if artifact is not None else (), tuple(problems), config=config)

    def _scan_file(self) -> Scan:
        if self._pinned and (absent := self._absent(self._pinned, ["1"])):
            return Scan((), tuple(absent))
        artifact, problem = self._look("1", self.root, ModelConfig())
        return Scan(
            (artifact,) if artifact is not None else (), (problem,) if problem is not None else ()
        )

    def _look(
        self, version: str, path: Path, config: ModelConfig
    ) -> tuple[Artifact | None, VersionProblem | None]:
        """One version: what to serve of it, and what keeps it from being served as it is now."""
        name = self._model_name(config)
        try:
            if path.is_file() and path == self.root:
                return self._reader.read_file(path, model_name=name), None
            artifact = self._reader.read_directory(
                path,
                version=version,
                model_name=name,
                root=self.root.resolve(),
                backend=config.backend,
            )
        except StillChanging as error:
            problem = VersionProblem(version, f"{path}: {error}", is_temporary=True)
        except FileNotFoundError:
            problem = VersionProblem(version, f"{path}: being changed", is_temporary=True)
        except OSError as error:
            problem = VersionProblem(version, f"{error.filename or path}: {error.strerror}")
        except (IrregularFile, ModelLoadError) as error:
            problem = VersionProblem(version, f"{path}: {error}")
        else:
            return artifact, None
        problem = replace(problem, files=self._stillness.last_seen(version))
        return self._listed.get(version) if problem.is_temporary else None, problem

    def _model_name(self, config: ModelConfig) -> str:
        if self._fixed_name is None:
            self._fixed_name = self._first_name(config)
        if self._name is None and config.name not in (None, self._fixed_name):
            raise ModelConfigError(
                f"{config.file}: name: found {config.name!r}, allowed: {self._fixed_name}, "
                f"the name since the start; restart the server to rename it"
            )
        return self._fixed_name

    def _first_name(self, config: ModelConfig) -> str:
        name = self._name or config.name
        if name is None:
            name = self.root.stem if self.root.is_file() else self.root.absolute().name
        if _MODEL_NAME.fullmatch(name) is None:
            place = f"{config.file}: name" if name == config.name else f"{self.root}: model name"
            raise ModelConfigError(
                f"{place}: found {name!r}, allowed: 1 to 128 of A-Z a-z 0-9 . _ -"
            )
        return name
