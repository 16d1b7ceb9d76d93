"""A value of a configuration together with where it stands, so that every refusal can say so."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct

from longshore.errors import ModelConfigError

_SHOWN_CHARACTERS = 80


class ConfigNode(Struct, frozen=True):
    """`value` as the file has it, at `key` (`input[0].data_type`; empty for the whole) of `file`.

    Every reader raises `ModelConfigError` when the value is not of its kind.
    """

    value: Any
    key: str
    file: str

    def error(self, message: str) -> ModelConfigError:
        return ModelConfigError(
            f"{self.file}: {self.key}: {message}" if self.key else f"{self.file}: {message}"
        )

    def unexpected(self, allowed: str) -> ModelConfigError:
        return self.error(f"found {_show(self.value)}, allowed: {allowed}")

    def entries(self) -> dict[Any, ConfigNode]:
        """The children of a mapping with any keys; nothing written counts as an empty mapping."""
        if self.value is None:
            return {}
        if not isinstance(self.value, dict):
            raise self.unexpected("a mapping")
        return {key: self._child(key, value) for key, value in self.value.items()}

    def section(
        self, known: Collection[str], *, unsupported: Mapping[str, str] | None = None
    ) -> dict[str, ConfigNode]:
        """The children of a mapping whose keys are `known`; `unsupported` gives the reason for a
        key that Triton knows and this server does not offer.
        """
        children = self.entries()
        for key, child in children.items():
            if unsupported is not None and key in unsupported:
                raise child.error(f"not supported: {unsupported[key]}")
            if key not in known:
                raise child.error(_unknown(key, known))
        return children

    def items(self) -> list[ConfigNode]:
        if self.value is None:
            return []
        if not isinstance(self.value, list):
            raise self.unexpected("a list")
        return [
            ConfigNode(value, f"{self.key}[{index}]", self.file)
            for index, value in enumerate(self.value)
        ]

    def required(self, children: Mapping[str, ConfigNode], name: str) -> ConfigNode:
        """The child `name` of this section.

        Raises:
            ModelConfigError: it is not there.
        """
        child = children.get(name)
        if child is None:
            raise self._child(name, None).error("missing")
        return child

    def text(self) -> str:
        if not isinstance(self.value, str) or not self.value:
            raise self.unexpected("text")
        return self.value

    def choice(self, allowed: Collection[str]) -> str:
        if not isinstance(self.value, str) or self.value not in allowed:
            raise self.unexpected(", ".join(allowed))
        return self.value

    def integer(self, *, minimum: int, maximum: int = 2**63 - 1) -> int:
        value = self.value
        if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
            limits = f"from {minimum}" + ("" if maximum >= 2**31 else f" to {maximum}")
            raise self.unexpected(f"a whole number {limits}")
        return value

    def ascending(self) -> tuple[int, ...]:
        """A list of sizes from 1, each larger than the one before."""
        sizes = [item.integer(minimum=1, maximum=2**31 - 1) for item in self.items()]
        if sizes != sorted(set(sizes)):
            raise self.unexpected("ascending sizes, each once")
        return tuple(sizes)

    def number(self) -> float:
        value = self.value
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise self.unexpected("a number")
        try:
            return float(value)
        except OverflowError:
            raise self.unexpected("a number that fits 64-bit floating point") from None

    def _child(self, key: Any, value: Any) -> ConfigNode:
        name = key if isinstance(key, str) else _show(key)
        return ConfigNode(value, f"{self.key}.{name}" if self.key else name, self.file)


def _unknown(key: Any, known: Collection[str]) -> str:
    import difflib  # seldom needed

    close = difflib.get_close_matches(key if isinstance(key, str) else "", known, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known)}"
    return f"unknown key, {hint}"


def _show(value: Any) -> str:
    shown = repr(value)
    if len(shown) > _SHOWN_CHARACTERS:
        return shown[:_SHOWN_CHARACTERS] + "..."
    return shown
