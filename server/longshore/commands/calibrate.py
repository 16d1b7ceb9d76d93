"""`longshore calibrate`: measure a model once, for every server of it on such CPUs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from longshore.commands.command import Command, Purpose
from longshore.exit_code import ExitCode
from longshore.logs import configure_logging
from longshore.settings.command_line import add_settings, read_settings

if TYPE_CHECKING:
    from longshore.loading.calibrate import Calibrated

_GROUPS = ("model", "cuda", "calibration", "log")
_MORE = ("max_batch_size", "max_queue_delay_microseconds", "manifest")
"""Settings that say how a version is loaded and run."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_settings(parser, lambda row: row.group in _GROUPS or row.name in _MORE)


def run(options: argparse.Namespace) -> int:
    """Measure what would be served, and write what was learned into the model's directory; fails
    when something was not written.
    """
    settings = read_settings(options, command="calibrate")
    configure_logging(settings.log.log_level, settings.log.log_format)
    from longshore.lifecycle.memory import use_one_arena
    from longshore.load_assembly import load_options, model_root, planned_cpus, repository
    from longshore.loading.calibrate import calibrate

    use_one_arena()
    still = replace(settings.lifecycle, version_settle_seconds=0.0)  # nobody writes to it now
    scan = repository(replace(settings, lifecycle=still)).scan()
    for problem in scan.problems:
        print(f"version {problem.version} is not measured: {problem.message}")
    root = model_root(Path(settings.model.model_path))
    wanted = load_options(settings, planned_cpus(settings.model))
    is_written = [
        _tell(artifact.version, calibrate(artifact, scan.config, wanted, root))
        for artifact in scan.artifacts
    ]
    return ExitCode.OK if is_written and all(is_written) else ExitCode.FAILED


def _tell(version: str, found: Calibrated) -> bool:
    plan = found.plan
    print(f"version {version}: {plan.split} instances x threads, batches of {plan.max_batch_size}")
    for note in plan.notes:
        print(f"  {note}")
    print(f"  written: {found.file}" if found.file else f"  not written: {found.problem}")
    return found.file is not None


COMMAND = Command(
    Purpose.OPERATE, "measure a model, and keep the result beside it", add_arguments, run
)
