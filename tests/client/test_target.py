from __future__ import annotations

import pytest

from longshore.client.remote import read_header, read_token
from longshore.client.target import is_url, parse_url
from longshore.errors import SettingsError


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://host:8000", ("http://host:8000", None, None)),
        ("http://host:8000/", ("http://host:8000", None, None)),
        ("https://host/v2/models/m", ("https://host", "m", None)),
        ("http://host/v2/models/m/infer", ("http://host", "m", None)),
        ("http://host/v2/models/m/versions/3/infer", ("http://host", "m", "3")),
        ("http://host/team/a/v2/models/m%20n", ("http://host/team/a", "m n", None)),
        ("http://host/team", ("http://host/team", None, None)),
    ],
)
def test_a_url_names_a_server_and_maybe_a_model(url, wanted):
    assert is_url(url)
    assert parse_url(url) == wanted


def test_another_scheme_is_refused():
    with pytest.raises(SettingsError, match="must be http or https, found grpc"):
        parse_url("grpc://host:8001")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://me:secret@host", "^http://host: give credentials by --header$"),
        ("http://host/?a=1", "names no server and no model"),
        ("http://host/#a", "names no server and no model"),
    ],
)
def test_a_part_of_a_url_that_would_not_be_sent_is_refused(url, message):
    with pytest.raises(SettingsError, match=message):
        parse_url(url)


@pytest.mark.parametrize("target", ["models/digits", "./http", "C:models", "a.onnx"])
def test_a_path_is_no_url(target):
    assert not is_url(target)


@pytest.mark.parametrize("text", ["no colon", ": value", "A: b\r\nX: y", "Ä: b"])
def test_a_header_that_is_none_is_refused(text):
    with pytest.raises(SettingsError, match="is not of the form 'Name: value'"):
        read_header(text)


def test_a_file_without_a_token_is_refused(tmp_path):
    (tmp_path / "empty").write_text("\n")

    with pytest.raises(SettingsError, match="holds no token"):
        read_token(str(tmp_path / "empty"))
    with pytest.raises(SettingsError, match=r"--token-file: .*absent"):
        read_token(str(tmp_path / "absent"))
