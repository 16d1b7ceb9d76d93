"""Pairs of certificate and key that are replaced one file after the other, and real handshakes."""

from __future__ import annotations

import logging
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from longshore.errors import SettingsError
from longshore.rest.certificate import Certificate

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


def make_pair(directory: Path, name: str) -> tuple[Path, Path]:
    certificate, key = directory / f"{name}.crt", directory / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:server",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pairs")
    return {name: make_pair(directory, name) for name in ("first", "second")}


@pytest.fixture
def mounted(tmp_path, pairs):
    """The files that the server reads: the first pair."""
    for source, name in zip(pairs["first"], ("tls.crt", "tls.key"), strict=True):
        replace(tmp_path / name, source)
    return tmp_path / "tls.crt", tmp_path / "tls.key"


def replace(file: Path, source: Path) -> None:
    """As a volume does it: a new file takes the place of the old one."""
    shutil.copy(source, file.with_suffix(".new"))
    file.with_suffix(".new").rename(file)


def agrees(context: ssl.SSLContext, trusted: Path) -> bool:
    """Whether a client that trusts only this certificate completes a handshake with `context`."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context(cafile=trusted).wrap_bio(
        to_client, to_server, server_hostname="server"
    )
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                return False
    return client.version() is not None


def test_a_renewed_pair_is_served_once_both_files_fit(mounted, pairs, caplog):
    certificate = Certificate(*mounted)
    assert agrees(certificate.context, pairs["first"][0])

    replace(mounted[0], pairs["second"][0])
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            certificate.refresh()
            assert agrees(certificate.context, pairs["first"][0])
    assert [record.message[:24] for record in caplog.records] == ["certificate not reloaded"]

    replace(mounted[1], pairs["second"][1])
    with caplog.at_level(logging.INFO):
        certificate.refresh()
    assert caplog.messages[-1] == f"certificate reloaded: file={mounted[0]}"
    assert agrees(certificate.context, pairs["second"][0])
    assert not agrees(certificate.context, pairs["first"][0])


def test_a_key_may_be_replaced_first(mounted, pairs):
    certificate = Certificate(*mounted)
    replace(mounted[1], pairs["second"][1])
    certificate.refresh()
    assert agrees(certificate.context, pairs["first"][0])

    replace(mounted[0], pairs["second"][0])
    certificate.refresh()
    assert agrees(certificate.context, pairs["second"][0])


@pytest.mark.parametrize("end", ["gone", "empty", "half"])
def test_a_file_that_cannot_be_read_changes_nothing(mounted, pairs, end):
    certificate = Certificate(*mounted)
    if end == "gone":
        mounted[0].unlink()
    else:
        content = pairs["second"][0].read_bytes()
        mounted[0].write_bytes(content[: len(content) // 2] if end == "half" else b"")
    certificate.refresh()
    assert agrees(certificate.context, pairs["first"][0])

    for file, source in zip(mounted, pairs["second"], strict=True):
        replace(file, source)
    certificate.refresh()
    assert agrees(certificate.context, pairs["second"][0])


def test_files_that_are_no_pair_are_a_mistake_in_the_settings(pairs):
    with pytest.raises(SettingsError, match=r"tls_cert_file, tls_key_file: .*first\.crt"):
        Certificate(pairs["first"][0], pairs["second"][1])
    with pytest.raises(SettingsError, match="none"):
        Certificate(pairs["first"][0], Path("/none"))
