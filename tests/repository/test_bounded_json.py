from __future__ import annotations

import json
import sys

import pytest

from longshore.repository.bounded_json import load_json

VALUE = {"a": [1, -2.5, 1e300, True, None, "text, with commas"], "b": {"c": []}}


def test_it_reads_what_json_reads():
    assert load_json(json.dumps(VALUE).encode()) == VALUE


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"1" * 5000])
def test_what_is_no_json_is_a_value_error(content):
    with pytest.raises(ValueError, match=r"."):
        load_json(content)


def test_more_values_than_allowed_are_refused_before_any_is_built(monkeypatch):
    monkeypatch.setattr(json, "loads", lambda *args, **options: pytest.fail("parsed"))

    with pytest.raises(ValueError, match="about 101 values, allowed: 100"):
        load_json(b"[" + b"0," * 100 + b"0]", max_values=100)


@pytest.mark.parametrize("piece", [b"1", b"1.5", b'{"a": {}}'])
def test_the_parser_lets_others_have_the_interpreter_at_each_number_and_object(piece):
    """A thread gives the interpreter up when it calls Python, not within the parser."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event == "call"

    content = b"[" + b",".join([piece] * 1000) + b"]"
    sys.setprofile(count)
    try:
        load_json(content)
    finally:
        sys.setprofile(None)

    assert calls >= 1000
