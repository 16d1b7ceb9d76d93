"""One setting: its name on the command line and in the environment, and the values it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from math import inf
from typing import Any

from msgspec import Struct

from longshore.cpu.quantity import CpuQuantity, parse_cpus
from longshore.errors import SettingsError

ENV_PREFIX = "LONGSHORE_"
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


class Setting(Struct, frozen=True):
    """What the type of a setting does not say; its annotation carries it."""

    help: str
    """One sentence, with unit and effect."""
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    may_be_empty: bool = False
    """Whether an empty value is one; otherwise it counts as unset."""


class Option(Setting, frozen=True, kw_only=True):
    """One row of the table of settings."""

    group: str
    name: str
    type: type
    is_optional: bool
    default: Any

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def environment_variable(self) -> str:
        return ENV_PREFIX + self.name.upper()

    @property
    def takes_switch(self) -> bool:
        """Whether `on` and `off` are among its words, which YAML 1.1 reads as booleans."""
        return {"on", "off"} <= set(self.choices)

    def read_environment(self, environ: Mapping[str, str]) -> str | None:
        """Its variable, unless Kubernetes set it: a Service called `longshore` gives every pod of
        its namespace `LONGSHORE_PORT=tcp://...`.
        """
        value = environ.get(self.environment_variable)
        return None if value is not None and value.startswith(("tcp://", "udp://")) else value

    def parse(self, value: Any, source: str) -> Any:
        """`value` as the setting's type, checked against its bounds and choices.

        Raises:
            SettingsError: it is neither.
        """
        if self.takes_switch and (word := str(value).lower()) in _TRUE + _FALSE:
            value = "on" if word in _TRUE else "off"
        try:
            if type(value) not in (str, int, float, self.type, _YAML_TYPES.get(self.type)):
                raise ValueError(value)
            parsed = _PARSERS.get(self.type, self.type)(value)
            if self.type is int and isinstance(value, float) and value != parsed:
                raise ValueError(value)
        except (TypeError, ValueError, OverflowError):
            raise SettingsError(f"{source}: {value!r} is not {self._describe()}") from None
        too_small = self.minimum is not None and not parsed >= self.minimum
        too_large = self.maximum is not None and not parsed <= self.maximum
        if too_small or too_large or (self.choices and parsed not in self.choices):
            raise SettingsError(f"{source}: {value!r} is not {self._describe()}")
        return parsed

    def _describe(self) -> str:
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        noun = _NOUNS.get(self.type, "a text")
        lower = "" if self.minimum is None else f" from {self.minimum:g}"
        upper = "" if self.maximum is None else f" to {self.maximum:g}"
        return noun + lower + upper


def _parse_bool(value: Any) -> bool:
    text = str(value).lower()
    if text not in _TRUE + _FALSE:
        raise ValueError(value)
    return text in _TRUE


def _parse_ascending(value: Any) -> tuple[float, ...]:
    """Numbers above 0, from a list or from text with commas between them."""
    parts = value.split(",") if isinstance(value, str) else value
    numbers = tuple(float(part) for part in parts)
    if not all(low < high < inf for low, high in pairwise((0.0, *numbers))):
        raise ValueError(value)
    return numbers


_PARSERS: dict[type, Callable[[Any], Any]] = {
    bool: _parse_bool,
    tuple: _parse_ascending,
    CpuQuantity: parse_cpus,
}
_YAML_TYPES: dict[type, type] = {tuple: list}
_NOUNS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    tuple: "a list of ascending numbers above 0",
    CpuQuantity: "a number of CPUs above 0, as in 500m, 1.5 or 2",
}
