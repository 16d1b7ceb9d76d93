"""Why there is no number: what was measured would look sound and is not."""

from __future__ import annotations

from longshore.errors import ModelLoadError


class UnsoundError(ModelLoadError):
    """A measurement that cannot be trusted, or that cannot be had; says why in a sentence."""


class UnreachableError(UnsoundError):
    """The objective is not kept even at a quarter of the load."""
