"""Standard input, output and error as they were handed to the process: perhaps closed, or a pipe
that nobody reads, or in an encoding that lacks a character.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper

_MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}


def prepare() -> None:
    """Put the null device in the place of what is closed, and escape what cannot be encoded.

    The first file or socket that is opened would otherwise become the standard error that libraries
    in C write to.
    """
    for descriptor, (name, mode) in enumerate(_MODES.items()):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - for the whole process
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@contextmanager
def flushed() -> Iterator[None]:
    """Write out what was printed within, rather than at the interpreter's end, which can only
    report a traceback and an exit code of its own.

    Raises:
        OSError: standard output takes no more, as where the disk is full; `BrokenPipeError` when
        its reader left.
    """
    try:
        yield
        sys.stdout.flush()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                _discard(stream.fileno())


def _discard(descriptor: int) -> None:
    """Let what is still to be written to `descriptor` go nowhere."""
    with suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, descriptor)
        os.close(null)
