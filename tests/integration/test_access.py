"""Bearer tokens and TLS certificates, renewed while the server runs."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.attacks.served_process import ServedProcess, identity_model
from tests.integration.test_lifecycle import QUICK, ask, wait_for


def test_tokens_are_asked_for_and_read_again_when_they_change(tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("first\n")
    with ServedProcess(identity_model(tmp_path), auth_token_file=tokens, **QUICK) as server:

        def status(token: str | None) -> int:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            return ask(server, headers=headers)[0]

        assert status("first") == 200
        assert status("second") == 401
        assert status(None) == 401
        assert ask(server)[1]["www-authenticate"] == "Bearer"
        assert ask(server, "GET", "/v2/health/ready")[0] == 200
        tokens.write_text("second\nthird\n")
        wait_for(lambda: status("second") == 200)
        assert status("third") == 200
        assert status("first") == 401


def make_certificate(directory: Path, name: str) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", directory / "tls.key", "-out", directory / "tls.crt"],
        check=True, capture_output=True,
    )  # fmt: skip


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_tls_is_served_and_a_renewed_certificate_taken_over(tmp_path):
    make_certificate(tmp_path, "first")
    options = {"tls_cert_file": tmp_path / "tls.crt", "tls_key_file": tmp_path / "tls.key"}
    with ServedProcess(identity_model(tmp_path), **options, **QUICK) as server:
        context = ssl.create_default_context(cafile=tmp_path / "tls.crt")
        assert ask(server, context=context)[0] == 200
        second = tmp_path / "second"
        second.mkdir()
        make_certificate(second, "second")
        renewed = ssl.create_default_context(cafile=second / "tls.crt")
        os.replace(second / "tls.crt", tmp_path / "tls.crt")  # and its key only later
        wait_for(lambda: "certificate not reloaded" in server.log)
        assert ask(server, context=context)[0] == 200
        os.replace(second / "tls.key", tmp_path / "tls.key")

        def is_renewed() -> bool:
            try:
                return ask(server, context=renewed)[0] == 200
            except ssl.SSLError:
                return False

        wait_for(is_renewed)
