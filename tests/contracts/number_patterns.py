"""Patterns of the texts that are a number within bounds.

Helm hands a fraction given by `--set` to the schema as a text, and of a text a schema can only ask
for patterns. They hold for RE2, which both majors of Helm use: it has no look-ahead, so that the
lower and the upper bound are patterns of their own.
"""

from __future__ import annotations

from decimal import Decimal

ANY = r"^-?([0-9]+|[0-9]*\.[0-9]+)$"
_FRACTION = r"(\.[0-9]+)?"


def lower_bound(minimum: float, *, is_exclusive: bool) -> str:
    """Texts of numbers of at least `minimum`, or above it: 0 or more where it is not exclusive, and
    0 where it is.
    """
    whole, fraction = _digits(minimum)
    if is_exclusive:
        assert (whole, fraction) == ("0", "")
        return rf"^([0-9]*[1-9][0-9]*{_FRACTION}|[0-9]*\.[0-9]*[1-9][0-9]*)$"
    if not fraction:
        assert whole == "0"
        return r"^([0-9]+|[0-9]*\.[0-9]+)$"
    larger = [f"{fraction[:i]}[{int(d) + 1}-9]" for i, d in enumerate(fraction) if d != "9"]
    assert whole == "0"
    return rf"^([0-9]*[1-9][0-9]*{_FRACTION}|0*\.({'|'.join([*larger, fraction])})[0-9]*)$"


def upper_bound(maximum: float, *, is_exclusive: bool) -> str:
    """Texts of numbers of at most the whole number `maximum`, or below it."""
    whole, fraction = _digits(maximum)
    assert not fraction
    rest = len(whole) - 1
    smaller = [
        f"{whole[:i]}[0-{int(d) - 1}][0-9]{{{rest - i}}}" for i, d in enumerate(whole) if d != "0"
    ]
    below = rf"0*([0-9]{{0,{rest}}}|{'|'.join(smaller)}){_FRACTION}"
    return f"^({below})$" if is_exclusive else rf"^({below}|0*{whole}(\.0+)?)$"


def _digits(number: float) -> tuple[str, str]:
    """Digits before and behind the point, without zeros at the end."""
    whole, _, fraction = f"{Decimal(str(number)):f}".partition(".")
    return whole, fraction.rstrip("0")
