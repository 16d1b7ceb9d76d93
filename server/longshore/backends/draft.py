"""What a backend can say of inputs that an artifact does not declare."""

from __future__ import annotations

from msgspec import Struct

from longshore.tensors import TensorSpec


class InputDraft(Struct, frozen=True):
    """Inputs as the model's own code calls them, and guesses at their types and shapes."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    """May be left out of the config, and of requests then."""
    guesses: tuple[tuple[TensorSpec, ...], ...]
    """Of the required inputs, all of them tried with success; the most general first."""
