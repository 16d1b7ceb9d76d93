"""Whether a version fits into the memory that is left."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    """Memory that a trial, and after it a load, may take."""

    free_bytes: int
    limit_bytes: int

    def refusal(self, needed_bytes: int, *, is_all: bool) -> str:
        """In a sentence; `is_all` when it is known that no more is needed."""
        least = "" if is_all else "more than "
        return (
            f"needs {least}{gibibytes(needed_bytes)} of memory, {gibibytes(self.free_bytes)} are "
            f"free of a limit of {gibibytes(self.limit_bytes)}"
        )


def gibibytes(count: float) -> str:
    """`1.5 GiB`, or in MiB what is less."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
