"""A link of the chain that a release hangs on: how it is judged, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a link is broken."""

    cause: str
    """One sentence, with the objects that it is about."""
    fix: str
    """What to type or to change."""
    proof: tuple[str, ...]
    """What was seen, by type and reason."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One link; its text stands here alone, and the page of its code is made from it."""

    code: str
    """`LS` and two digits, for ever of this link."""
    category: str
    title: str
    """The link when it is sound, in a few words."""
    meaning: str
    """What it is and why it breaks, for the page."""
    evidence: str
    """What it is judged by."""
    remedy: str
    """What mends it in general, for the page."""
    check: Callable[[Release, Objects], Finding | None]
    """`None` where it is sound, or is not asked of this release.

    Raises:
        MissingRight: it cannot be judged without.
    """
    before_install: bool = False
    """Whether an install that is still to be made can be judged by it, too."""
    is_rest: bool = False
    """Whether it tells what no link before it explains: it is not asked where one of those could
    not be told.
    """
