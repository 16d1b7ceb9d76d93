"""Files of a volume, opened only when they are what they seem.

A path is resolved first and must stay inside a directory that is trusted; what lies there must be a
regular file (opening a FIFO would wait for ever); and what was opened is looked at once more,
because a name can point elsewhere a moment later.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class IrregularFile(ValueError):
    """Not a regular file inside the directory it should be in; the message says what it is."""


def resolve_inside(path: Path, root: Path) -> Path:
    """`path` without symbolic links; `root` must be resolved already.

    Raises:
        IrregularFile: it leads out of `root`, in a circle or to nothing.
    """
    try:
        resolved = path.resolve(strict=True)
    except FileNotFoundError:
        raise IrregularFile(f"{path.name} is a link to a file that does not exist") from None
    except RuntimeError:  # Python 3.11 and 3.12 report a circle of links so
        raise IrregularFile(f"{path.name} is a link that leads in a circle") from None
    if not resolved.is_relative_to(root):
        raise IrregularFile(f"{path.name} leads out of {root}, to {resolved}")
    return resolved


def regular_status(path: Path) -> os.stat_result:
    """`os.stat` of a resolved path.

    Raises:
        IrregularFile: a directory, FIFO, socket, device or link.
    """
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        raise IrregularFile(f"{path.name} is {describe_mode(status.st_mode)}, not a regular file")
    return status


@contextmanager
def open_regular(path: Path, *, inside: Path) -> Iterator[int]:
    """A read-only descriptor of a regular file inside `inside` (resolved).

    Raises:
        IrregularFile: it is none, or became another one while it was opened.
    """
    resolved = resolve_inside(path, inside)
    regular_status(resolved)
    # O_NONBLOCK: if a FIFO took the name since, the open returns and the check below refuses it.
    descriptor = os.open(resolved, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        opened = Path(os.readlink(descriptor_path(descriptor)))
        if opened != resolved or not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise IrregularFile(f"{path.name} was replaced while it was opened")
        yield descriptor
    finally:
        os.close(descriptor)


def descriptor_path(descriptor: int) -> Path:
    """The name under which this process can open the same file again, whatever its own name leads
    to by then (Linux, proc(5)).
    """
    return Path(f"/proc/self/fd/{descriptor}")


def read_bounded(path: Path, *, inside: Path, max_bytes: int) -> bytes:
    """The bytes of a regular file that is not larger than `max_bytes`.

    Raises:
        IrregularFile: larger, or no regular file inside `inside`.
    """
    with (
        open_regular(path, inside=inside) as descriptor,
        os.fdopen(os.dup(descriptor), "rb") as file,
    ):
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise IrregularFile(f"{path.name} is larger than {max_bytes} bytes")
    return content


def describe_mode(mode: int) -> str:
    for is_kind, name in _KINDS:
        if is_kind(mode):
            return name
    return "a special file"


_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)
