"""Rates as a person reads them."""

from __future__ import annotations


def rate_text(rate: float) -> str:
    """Four digits, and thousands apart: `19.33`, `402`, `10,250`."""
    return f"{rate:,.0f}" if rate >= 1000 else f"{rate:.4g}"
