"""The states of a model version, and which may follow which."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class ModelState(StrEnum):
    TRYING = "TRYING"
    """In a process of its own, beside a version that serves."""
    LOADING = "LOADING"
    WARMING = "WARMING"
    READY = "READY"
    DRAINING = "DRAINING"
    UNLOADED = "UNLOADED"
    FAILED = "FAILED"
    HELD = "HELD"
    """It loads, nothing has shown that it can answer, and another version serves."""


TRANSITIONS: Mapping[ModelState, frozenset[ModelState]] = {
    ModelState.TRYING: frozenset({ModelState.LOADING, ModelState.FAILED}),
    ModelState.LOADING: frozenset({ModelState.TRYING, ModelState.WARMING, ModelState.FAILED}),
    ModelState.WARMING: frozenset({ModelState.READY, ModelState.FAILED, ModelState.HELD}),
    ModelState.READY: frozenset({ModelState.DRAINING}),
    ModelState.DRAINING: frozenset({ModelState.UNLOADED}),
    ModelState.UNLOADED: frozenset(),
    ModelState.FAILED: frozenset(),
    ModelState.HELD: frozenset(),
}
"""A version that is loaded again starts over as a new one."""


class InvalidTransition(RuntimeError):
    """A state was about to follow one that it cannot follow: a fault in this program."""


def next_state(current: ModelState, wanted: ModelState) -> ModelState:
    """`wanted`, when it may follow `current`.

    Raises:
        InvalidTransition: it may not.
    """
    if wanted not in TRANSITIONS[current]:
        raise InvalidTransition(f"a model version cannot go from {current} to {wanted}")
    return wanted
