"""Bearer tokens in a file: who is let in, and when the file counts."""

from __future__ import annotations

import pytest

from longshore.errors import SettingsError, Unauthenticated
from longshore.rest.access import TokenFile


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "tokens"
    file.write_text("first\n\n  second  \n")
    return file


@pytest.fixture
def tokens(file) -> TokenFile:
    return TokenFile(file)


def allows(tokens: TokenFile, *headers: tuple[bytes, bytes], path: str = "/v2") -> bool:
    try:
        tokens.check(path, list(headers))
    except Unauthenticated:
        return False
    return True


@pytest.mark.parametrize(
    "value", [b"Bearer first", b"Bearer second", b"bearer first", b"BEARER   first "]
)
def test_each_token_of_the_file_is_let_in(tokens, value):
    assert allows(tokens, (b"host", b"h"), (b"authorization", value))


@pytest.mark.parametrize(
    "value", [b"Bearer third", b"Bearer", b"Bearer ", b"Basic first", b"first", b"Bearer firs"]
)
def test_nobody_else_is(tokens, value):
    assert not allows(tokens, (b"authorization", value))


def test_who_names_no_token_is_told_what_is_needed(tokens):
    with pytest.raises(Unauthenticated, match="header is needed"):
        tokens.check("/v2", [(b"x-authorization", b"Bearer first")])


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready"])
def test_probes_carry_no_token(tokens, path):
    assert allows(tokens, path=path)


def test_a_file_counts_once_it_is_read_again(tokens, file):
    file.write_text("third\n")
    assert allows(tokens, (b"authorization", b"Bearer first"))

    tokens.refresh()

    assert allows(tokens, (b"authorization", b"Bearer third"))
    assert not allows(tokens, (b"authorization", b"Bearer first"))


def test_a_file_that_cannot_be_read_changes_nothing_and_is_said_once(tokens, file, caplog):
    file.write_text("\n")
    for _ in range(3):
        tokens.refresh()

    assert allows(tokens, (b"authorization", b"Bearer first"))
    assert [message[:19] for message in caplog.messages] == ["tokens not reloaded"]


def test_a_file_that_has_not_changed_is_not_read_again(tokens, monkeypatch):
    monkeypatch.setattr("longshore.rest.access._read_tokens", lambda path: pytest.fail("read"))
    tokens.refresh()


def test_a_file_without_a_token_is_a_mistake_in_the_settings(tmp_path):
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(SettingsError, match="holds no token"):
        TokenFile(tmp_path / "empty")
    with pytest.raises(SettingsError, match=r"auth_token_file: .*none"):
        TokenFile(tmp_path / "none")
