from __future__ import annotations

import io
import json
import logging

import pytest

from longshore.logs import configure_logging, write_records


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


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_fields_are_told_with_the_line(log_format):
    stream = io.StringIO()
    configure_logging("info", log_format, stream)
    fields = {"status": 200, "path": "/a"}
    logging.getLogger("longshore.test").info("done", extra={"fields": fields})
    text = stream.getvalue()

    if log_format == "json":
        assert json.loads(text).items() >= fields.items()
    else:
        assert text.endswith("longshore.test done status=200 path=/a\n")


def test_a_field_cannot_pretend_to_be_a_line_of_its_own():
    stream = io.StringIO()
    configure_logging("info", "text", stream)
    logging.getLogger("longshore.test").info("done", extra={"fields": {"model": "a\n2026 \x1b[0m"}})

    (line,) = stream.getvalue().splitlines()
    assert line.endswith(r"model=a\n2026 \x1b[0m")


def records(count: int) -> list[logging.LogRecord]:
    return [logging.LogRecord("a", logging.INFO, "", 0, str(n), None, None) for n in range(count)]


def test_many_lines_are_written_at_once_whatever_the_level_is():
    class Stream(io.StringIO):
        writes = 0

        def write(self, text):
            self.writes += 1
            return super().write(text)

    stream = Stream()
    configure_logging("error", "json", stream)
    write_records(records(3))

    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == list("012")
    assert stream.writes == 1


def test_handlers_that_are_not_ours_get_the_lines_too(caplog):
    root = logging.getLogger()
    root.handlers[:] = [caplog.handler]
    write_records(records(2))

    assert [record.getMessage() for record in caplog.records] == ["0", "1"]


def test_a_stream_that_takes_nothing_ends_nobody(capsys):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError("full")

    configure_logging("info", "json", Full())
    write_records(records(2))

    assert "OSError: full" in capsys.readouterr().err


def test_the_level_is_obeyed():
    assert "a detail" in log_one("text", "debug")
    assert "a detail" not in log_one("text")
