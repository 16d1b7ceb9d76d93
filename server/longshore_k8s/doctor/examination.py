"""Going along the links of a release."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from longshore_k8s.doctor.objects import MissingRight, Objects
from longshore_k8s.doctor.release import Release
from longshore_k8s.doctor.rule import Finding, Rule

if TYPE_CHECKING:
    from longshore_k8s.doctor.chain import Reading


class Verdict(IntEnum):
    """What `longshore doctor` ends with."""

    SOUND = 0
    BROKEN = 1
    USAGE = 2
    UNKNOWN = 3
    """A right is missing, or nobody answered: no link that could be asked is broken."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What became of each link."""

    broken: tuple[tuple[Rule, Finding], ...]
    """In the order of the links; the first one alone unless all were asked."""
    unknown: tuple[tuple[Rule, str], ...]
    """With the right that is missing."""
    sound: int
    not_asked: int
    notes: tuple[str, ...] = ()
    """Why the autoscaler's count is what it is, and advice."""
    chain: tuple[Reading, ...] = ()
    """Of each metric of the autoscaler."""

    @property
    def verdict(self) -> Verdict:
        if self.broken:
            return Verdict.BROKEN
        return Verdict.UNKNOWN if self.unknown else Verdict.SOUND


def examine(
    release: Release, objects: Objects, rules: Iterable[Rule], *, asks_all: bool = False
) -> Examination:
    """Stops at the first broken link unless `asks_all`: what lies behind it mostly follows."""
    broken: list[tuple[Rule, Finding]] = []
    unknown: list[tuple[Rule, str]] = []
    sound = not_asked = 0
    for rule in rules:
        if (broken and not asks_all) or (unknown and rule.is_rest):
            not_asked += 1
            continue
        try:
            finding = rule.check(release, objects)
        except MissingRight as error:
            unknown.append((rule, str(error)))
            continue
        if finding is None:
            sound += 1
        else:
            broken.append((rule, finding))
    return Examination(tuple(broken), tuple(unknown), sound, not_asked)
