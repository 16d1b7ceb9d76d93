"""`longshore inspect`: what would be served, and what is wrong."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from longshore.commands.command import Command, Purpose
from longshore.errors import ModelConfigError, ModelLoadError, SettingsError
from longshore.exit_code import ExitCode

if TYPE_CHECKING:
    from longshore.repository.artifact import Artifact
    from longshore.repository.model_config import ModelConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", metavar="DIR", help="directory of the model")
    parser.add_argument("--name", help="name of the model, as for serve")
    parser.add_argument(
        "--version", type=int, metavar="N", help="look at this one alone, as serve does by a pin"
    )
    parser.add_argument(
        "--digest", metavar="SHA256", help="of the manifest.json that --version has to have"
    )


def run(options: argparse.Namespace) -> int:
    """Print what would be served and what is wrong; fails when nothing can be served."""
    from longshore.repository.inspection import inspect
    from longshore.repository.layout import ModelRepository
    from longshore.repository.model_config import ModelConfig

    if options.digest:
        _compare_digest(options)
    repository = ModelRepository(
        Path(options.directory), name=options.name, settle_seconds=0, version=options.version
    )
    found = inspect(repository)
    print(f"model: {found.model_name or '(no valid name)'}")
    config = found.config or ModelConfig()
    is_servable = [print_version(config, artifact) for artifact in found.artifacts]
    for problem in found.problems:
        print(f"version {problem.version} is not served: {problem.message}")
    if found.fault:
        print(f"nothing is served: {found.fault}")
    if found.artifacts and not is_servable[0]:
        _print_draft(found.root, config, found.artifacts[0])
    return ExitCode.OK if any(is_servable) else ExitCode.FAILED


def _compare_digest(options: argparse.Namespace) -> None:
    """The files themselves are compared with the manifest when they are loaded."""
    from longshore.repository.manifest import manifest_digest

    if options.version is None:
        raise SettingsError("--digest needs --version")
    root = Path(options.directory).resolve()
    found = manifest_digest(root / str(options.version), inside=root)
    if found != options.digest.lower():
        raise ModelLoadError(
            f"version {options.version}: its manifest.json has the digest {found}, "
            f"{options.digest} is asked for"
        )


def print_version(config: ModelConfig, artifact: Artifact) -> bool:
    """Load and run one version as `serve` would, on the CPU, and print its tensors or what is
    wrong.
    """
    from longshore.loading.try_out import try_out

    try:
        found = try_out(artifact, config)
    except (ModelConfigError, ModelLoadError) as error:
        print(f"version {artifact.version} is not served: {error}")
        return False
    print(f"version {artifact.version}: {artifact.path.name} ({artifact.format})")
    signature = found.signature
    for kind, specs in (("input", signature.inputs), ("output", signature.outputs)):
        for spec in specs:
            print(f"  {kind} {spec.name}: {spec.datatype} {list(spec.shape)}")
    for part in signature.left_out:
        print(f"  not served: {part}")
    if found.run_problem and config.startup != "vouched":
        print(f"  takes no other version's place: {found.run_problem}")
    return True


def _print_draft(root: Path, config: ModelConfig, artifact: Artifact) -> None:
    """Print the config that `artifact` lacks, where one can be found."""
    from longshore.loading.config_draft import draft_config
    from longshore.repository.config.document import read_document
    from longshore.repository.integrity import open_verified
    from longshore.repository.layout import CONFIG_FILE

    file = root / CONFIG_FILE
    try:
        document = read_document(file) if root.is_dir() and file.exists() else None
        with open_verified(artifact) as verified:
            text = draft_config(verified, config, document or {})
    except (ModelConfigError, ModelLoadError):
        return  # the version's own line says it
    if text is not None:
        print(f"\n{text}", end="")


COMMAND = Command(Purpose.LOOK, "say what would be served, and what is wrong", add_arguments, run)
