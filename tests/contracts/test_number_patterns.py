from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.contracts.chart_schema import take_fractions_as_text

NUMBERS = st.decimals(-10_000, 10_000, allow_nan=False, allow_infinity=False, places=5).map(
    lambda number: f"{number:f}"
)
NEARBY = st.integers(-40_000, 40_000).map(lambda number: f"{Decimal(number) / 10_000:f}")
BOUNDS = [
    {},
    {"minimum": 0},
    {"exclusiveMinimum": 0},
    {"minimum": 0.001},
    {"minimum": 0.0001, "maximum": 3600},
    {"minimum": 0.01},
    {"exclusiveMinimum": 0, "exclusiveMaximum": 1},
]


def takes(bounds: dict[str, float], text: str) -> bool:
    """Whether a schema with these bounds takes `text`."""
    entry = {"type": "number", **bounds}
    take_fractions_as_text({"properties": {"x": entry}})
    patterns = entry["allOf"]
    assert isinstance(patterns, list)
    return all(re.search(each["pattern"], text) for each in patterns)


@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
def test_a_text_is_taken_where_its_number_would_be(bounds: dict[str, float]):
    @given(NUMBERS | NEARBY)
    @example("0")
    @example("0.0001")
    @example("1.0")
    @example("3600")
    @example("3600.00001")
    def agree(text: str) -> None:
        number = Decimal(text)
        is_allowed = (
            number >= Decimal(str(bounds.get("minimum", "-Infinity")))
            and number > Decimal(str(bounds.get("exclusiveMinimum", "-Infinity")))
            and number <= Decimal(str(bounds.get("maximum", "Infinity")))
            and number < Decimal(str(bounds.get("exclusiveMaximum", "Infinity")))
        )
        assert takes(bounds, text) is (is_allowed and not (bounds and text.startswith("-")))

    agree()


@pytest.mark.parametrize("text", ["", ".", "1.", "1.2.3", "half", "1e3", "0x1", " 1", "1 ", "+1"])
@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
def test_what_is_no_plain_number_is_not_taken(bounds: dict[str, float], text: str):
    assert not takes(bounds, text)
