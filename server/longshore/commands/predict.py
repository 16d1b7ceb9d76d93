"""`longshore predict`: the answer of a server, or of a model in a directory."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from longshore.client.arguments import add_target, opened_target
from longshore.commands.command import Command, Purpose
from longshore.errors import InvalidRequest, RequestRefused
from longshore.exit_code import ExitCode

if TYPE_CHECKING:
    from longshore.client.served_model import Prediction, ServedModel
    from longshore.tensors import Tensors


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help="values of an input: .json, .npy, .csv, an image, or a text whose lines are elements; "
        "or a .json with a whole request (default: an example)",
    )
    parser.add_argument(
        "--pixels",
        type=_pixels,
        default=(0.0, 1.0),
        metavar="BLACK:WHITE",
        help="what an image's pixels become in an input of floats (default: 0:1)",
    )
    parser.add_argument(
        "--output", "-o", choices=("table", "json"), default="table", help="(default: table)"
    )
    parser.add_argument(
        "--repeat",
        type=_count,
        default=1,
        metavar="N",
        help="send the request N times, one after the other, and print percentiles of the time",
    )


def run(options: argparse.Namespace) -> int:
    """Print the last answer; fails when a request is not answered with a result."""
    from longshore.client.named_inputs import read_inputs

    with opened_target(options) as model:
        if options.input:
            inputs = read_inputs(options.input, model.signature, options.pixels)
        else:
            inputs = _example(model)
        predictions = [model.predict(inputs) for _ in range(options.repeat)]
    try:
        print(_text(options.output, model.name, predictions))
    except InvalidRequest as error:
        raise RequestRefused(f"{error}; -o table shows it") from error
    return ExitCode.OK


def _example(model: ServedModel) -> Tensors:
    from longshore.client.example_inputs import example_inputs

    print("no --input: an example is sent, as `longshore example` shows it", file=sys.stderr)
    return example_inputs(model)


def _text(form: str, model: str, predictions: list[Prediction]) -> str:
    from longshore.client.latency import as_text, summary
    from longshore.client.table import as_json, output_tables

    last = predictions[-1]
    seconds = [prediction.seconds for prediction in predictions]
    if form == "json":
        parameters = {"latency_seconds": summary(seconds)} if len(predictions) > 1 else {}
        return as_json(model, last, parameters)
    version = f" version {last.version}" if last.version else ""
    time = as_text(seconds) if len(predictions) > 1 else f"{last.seconds * 1000:.2f} ms"
    return f"{output_tables(last.outputs)}\n\n{model}{version}: {time}"


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _pixels(text: str) -> tuple[float, float]:
    black, colon, white = text.partition(":")
    try:
        if colon:
            return float(black), float(white)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not of the form BLACK:WHITE, as in 0:255")


COMMAND = Command(Purpose.LOOK, "ask a server, or a model without one", add_arguments, run)
