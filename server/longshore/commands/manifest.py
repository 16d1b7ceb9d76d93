"""`longshore manifest`: write the digests of every version, or compare with them."""

from __future__ import annotations

import argparse
from pathlib import Path

from longshore.commands.command import Command, Purpose
from longshore.errors import ModelLoadError
from longshore.exit_code import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", metavar="DIR", help="directory of the model")
    parser.add_argument("--verify", action="store_true", help="compare instead of writing")


def run(options: argparse.Namespace) -> int:
    directory = Path(options.directory)
    if options.verify:
        _verify(directory)
    else:
        _write(directory)
    return ExitCode.OK


def _write(directory: Path) -> None:
    from longshore.repository.integrity import write_manifest
    from longshore.repository.layout import ModelRepository

    for version in ModelRepository(directory, settle_seconds=0).directories():
        print(f"written: {write_manifest(version)}")


def _verify(directory: Path) -> None:
    from longshore.repository.integrity import verify
    from longshore.repository.layout import ModelRepository

    scan = ModelRepository(directory, settle_seconds=0, manifest="required").scan()
    for problem in scan.problems:
        raise ModelLoadError(problem.message)
    for artifact in scan.artifacts:
        verify(artifact)
        print(f"verified: {artifact.path}")


COMMAND = Command(Purpose.LOOK, "write manifest.json for every version", add_arguments, run)
