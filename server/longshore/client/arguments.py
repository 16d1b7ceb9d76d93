"""The arguments that `longshore predict` and `longshore example` have in common."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longshore.client.served_model import ServedModel

LONGEST_SECONDS = 3600.0


def add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target",
        metavar="URL|DIR",
        help="a server, as in http://localhost:8000 or http://HOST/v2/models/NAME; or the "
        "directory of a model, which is run here",
    )
    parser.add_argument("--model-version", metavar="VERSION", help="(default: the newest)")
    parser.add_argument("--name", help="name of the model in DIR, as for serve")
    parser.add_argument("--device", default="cpu", help="where a model in DIR runs, as for serve")
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=30.0,
        metavar="SECONDS",
        help="longest wait for an answer, and the deadline of the request (default: 30)",
    )
    parser.add_argument(
        "--token-file", default="", metavar="FILE", help="bearer token for the server"
    )
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="header for the server, as a gateway may ask for; may be repeated",
    )
    parser.add_argument(
        "--ca-file", default="", metavar="FILE", help="certificates (PEM) to trust for https"
    )


@contextmanager
def opened_target(options: argparse.Namespace) -> Iterator[ServedModel]:
    """Raises:
    SettingsError, RequestRefused, ModelLoadError: as `target.opened`.
    """
    from longshore.client.remote import RemoteOptions, read_header, read_token
    from longshore.client.target import opened

    remote = RemoteOptions(
        timeout_seconds=options.timeout,
        headers=tuple(read_header(text) for text in options.header),
        token=read_token(options.token_file) if options.token_file else "",
        ca_file=options.ca_file,
    )
    local = {
        "name": options.name,
        "device": options.device,
        "request_timeout_seconds": options.timeout,
    }
    with opened(options.target, remote, version=options.model_version, local=local) as model:
        yield model


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= LONGEST_SECONDS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of seconds above 0, at most {LONGEST_SECONDS:g}"
        )
    return seconds
