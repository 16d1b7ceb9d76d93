from __future__ import annotations

import io
import json
import logging

import pytest

from longshore.logs import configure_logging


@pytest.fixture(autouse=True)
def restore_root():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def log_one(log_format: str, level: str = "info") -> str:
    stream = io.StringIO()
    configure_logging(level, log_format, stream)
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("longshore.test").exception(
            "it broke: at=%d", 7, extra={"request_id": "r-1"}
        )
    logging.getLogger("longshore.test").debug("a detail")
    return stream.getvalue()


def test_a_json_line_has_what_collectors_look_for():
    line = json.loads(log_one("json"))

    assert line["level"] == "error"
    assert line["logger"] == "longshore.test"
    assert line["message"] == "it broke: at=7"
    assert line["request_id"] == "r-1"
    assert line["time"].endswith("Z")
    assert "ValueError: why" in line["exception"]


def test_text_is_for_people():
    first, *traceback = log_one("text").splitlines()

    assert first.endswith("ERROR longshore.test it broke: at=7 request_id=r-1")
    assert traceback[-1] == "ValueError: why"


def test_what_is_no_terminal_gets_json():
    assert json.loads(log_one("auto"))["message"] == "it broke: at=7"


def test_the_level_is_obeyed():
    assert "a detail" in log_one("text", "debug")
    assert "a detail" not in log_one("text")
