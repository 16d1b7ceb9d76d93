"""`longshore example`: a request that a model takes, ready to be run."""

from __future__ import annotations

import argparse

from longshore.client.arguments import add_target, opened_target
from longshore.commands.command import Command, Purpose
from longshore.exit_code import ExitCode

NAMES = ("curl", "python", "tritonclient", "k6", "locust")
"""As in `examples.forms`, which is not imported for `--help`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    parser.add_argument(
        "--as", dest="form", choices=NAMES, default="curl", help="form (default: curl)"
    )


def run(options: argparse.Namespace) -> int:
    from longshore.client.example_inputs import example_request
    from longshore.examples.forms import FORMS

    with opened_target(options) as model:
        request = example_request(model)
    print(FORMS[options.form](request), end="")
    return ExitCode.OK


COMMAND = Command(Purpose.LOOK, "print a request that a model takes", add_arguments, run)
