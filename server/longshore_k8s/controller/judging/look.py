"""What the pods of the two versions have counted, at one moment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests by what became of them. Those that clients cancelled, or had no right to send, say
    nothing of a version and are in none."""

    requests: int = 0
    """Those that a version has to answer for: good, `errors` and `slow`."""
    errors: int = 0
    """Failed through no fault of the client."""
    slow: int = 0
    """Answered, and later than the service level objective allows."""
    invalid: int = 0
    """Refused as the client's mistake; beside `requests`, and only to be compared."""

    @property
    def bad(self) -> int:
        return self.errors + self.slow

    def plus(self, other: Counts) -> Counts:
        return Counts(
            self.requests + other.requests,
            self.errors + other.errors,
            self.slow + other.slow,
            self.invalid + other.invalid,
        )

    def since(self, before: Counts) -> Counts:
        """What was counted after `before` by the same process; all of it where any count fell,
        because then another process counts."""
        parts = zip(self.as_list(), before.as_list(), strict=True)
        differences = [now - then for now, then in parts]
        return Counts(*differences) if min(differences) >= 0 else self

    def as_list(self) -> list[int]:
        return [self.requests, self.errors, self.slow, self.invalid]


@dataclass(frozen=True, slots=True)
class PodLook:
    """One pod."""

    name: str
    restarts: int
    """Of its containers, together."""
    is_ready: bool
    counts: Counts | None
    """Since its process began; `None` where it did not tell."""
    unread: str = ""
    """Why it did not tell."""


@dataclass(frozen=True, slots=True)
class Look:
    """Every pod of both versions."""

    stable: tuple[PodLook, ...]
    canary: tuple[PodLook, ...]
    slow_seconds: float | None = None
    """A request that took longer is slow; `None`: none is."""

    @property
    def pods(self) -> tuple[PodLook, ...]:
        return self.stable + self.canary
