"""Whether a version fits into the memory that is left."""

from __future__ import annotations

from msgspec import Struct

from longshore.cgroups.memory import free_memory, own_memory

USABLE = 0.95
"""Of what is free: requests need memory too meanwhile."""


class Room(Struct, frozen=True):
    """Memory that a trial, and after it a load, may take."""

    free_bytes: int
    limit_bytes: int | None
    """Of the cgroup; `None` where only the machine bounds it."""

    def refusal(self, needed_bytes: int, *, is_all: bool) -> str:
        """In a sentence; `is_all` when it is known that no more is needed."""
        least = "" if is_all else "more than "
        of = "on this machine"
        if self.limit_bytes is not None:
            of = f"of a limit of {gibibytes(self.limit_bytes)}"
        return (
            f"needs {least}{gibibytes(needed_bytes)} of memory, {gibibytes(self.free_bytes)} are "
            f"free {of}"
        )


def room_left() -> Room | None:
    """Now; `None` where nobody says."""
    free, own = free_memory(), own_memory()
    if free is None:
        return None
    return Room(int(USABLE * free), None if own is None else own.limit)


def gibibytes(count: float) -> str:
    """`1.5 GiB`, or in MiB what is less."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
