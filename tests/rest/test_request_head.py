from __future__ import annotations

import pytest

from longshore.errors import InvalidRequest, UnsupportedEncoding, UnsupportedMediaType
from longshore.rest.request_head import RequestHead, read_head


def test_a_head_that_says_nothing_is_enough():
    assert read_head({}) == RequestHead(0, None, None, None, None)


def test_a_head_is_read_once_and_whole():
    head = read_head(
        {
            b"content-type": b"application/json; charset=utf-8",
            b"content-length": b"12",
            b"content-encoding": b" GZIP ",
            b"inference-header-content-length": b"7",
            b"x-request-timeout-ms": b"2500",
            b"accept-encoding": b"br, deflate",
        }
    )
    assert head == RequestHead(12, b"gzip", b"7", 2.5, b"deflate")


@pytest.mark.parametrize(
    "content_type",
    [
        b"",
        b"application/json",
        b"Application/JSON;charset=UTF-8",
        b"application/vnd.api+json",
        b"text/json",
        b"application/octet-stream",
        b"binary/octet-stream",
        b"application/x-www-form-urlencoded",
    ],
)
def test_json_octets_and_what_clients_say_of_themselves_are_taken(content_type):
    assert read_head({b"content-type": content_type})


@pytest.mark.parametrize(
    "content_type",
    [
        b"multipart/form-data; boundary=x",
        b"text/plain",
        b"text/plain; note=application/json",
        b"application/xml",
        b"image/png",
        b"json",
        b"\xff",
    ],
)
def test_a_type_that_says_something_else_is_refused_by_naming_what_is_taken(content_type):
    with pytest.raises(UnsupportedMediaType, match=r"application/json, application/octet-stream"):
        read_head({b"content-type": content_type})


@pytest.mark.parametrize("encoding", [b"identity", b""])
def test_a_body_may_say_that_it_is_not_compressed(encoding):
    assert read_head({b"content-encoding": encoding}).content_coding is None


def test_an_unknown_content_encoding_is_refused_before_anything_is_read():
    with pytest.raises(UnsupportedEncoding, match="'br' is not one of gzip, deflate"):
        read_head({b"content-encoding": b"br"})


def test_a_timeout_may_be_as_short_as_the_client_likes():
    assert read_head({b"x-request-timeout-ms": b"0.5"}).timeout_seconds == 0.0005


@pytest.mark.parametrize("value", [b"soon", b"", b"0", b"-1", b"nan", b"inf", b"\xff"])
def test_a_timeout_is_a_number_above_0(value):
    with pytest.raises(InvalidRequest, match="X-Request-Timeout-Ms"):
        read_head({b"x-request-timeout-ms": value})
