"""Tokens and certificates that an agent or a CSI secret store puts into the pod, in place of the
Secrets that the chart mounts; under both majors of Helm.
"""

from __future__ import annotations

import pytest
import yaml

from tests.chart import rendering
from tests.chart.engines import Engine, RefusedError
from tests.chart.rendering import Object, Values

TOKENS = "/vault/secrets/tokens"
CERT, KEY = "/vault/secrets/tls.crt", "/vault/secrets/tls.key"
VARIABLE = {"name": "LONGSHORE_AUTH_TOKEN_FILE", "value": TOKENS}
PAIR = {"tls_cert_file": CERT, "tls_key_file": KEY}


def one(objects: list[Object], kind: str) -> Object:
    found = [entry for entry in objects if entry["kind"] == kind and not rendering.is_hook(entry)]
    (entry,) = found
    return entry


def settings(objects: list[Object]) -> Values:
    read: Values = yaml.safe_load(one(objects, "ConfigMap")["data"]["longshore.yaml"])
    return read


def test_a_path_of_tokens_takes_the_place_of_a_secret(engine: Engine):
    objects = engine({"config": {"auth_token_file": TOKENS}}, "")
    pod = one(objects, "Deployment")["spec"]["template"]["spec"]

    assert settings(objects)["auth_token_file"] == TOKENS
    assert "auth" not in [volume["name"] for volume in pod["volumes"]]
    assert not [entry for entry in objects if rendering.is_hook(entry)]  # it would have no token


@pytest.mark.parametrize(
    "values",
    [{"extraEnv": [VARIABLE]}, {"extraArgs": [f"--auth-token-file={TOKENS}"]},
     {"extraArgs": ["--auth-token-file", TOKENS]}],
)  # fmt: skip
def test_the_path_may_come_by_any_way_that_the_server_has(engine: Engine, values: Values):
    server = one(engine(values, ""), "Deployment")["spec"]["template"]["spec"]["containers"][0]

    assert TOKENS in str(server)


@pytest.mark.parametrize(
    "values",
    [{"config": PAIR},
     {"extraArgs": [f"--tls-cert-file={CERT}", f"--tls-key-file={KEY}"]},
     {"extraEnv": [{"name": f"LONGSHORE_{name.upper()}", "value": path}
                   for name, path in PAIR.items()]}],
)  # fmt: skip
def test_a_certificate_by_its_path_makes_the_port_https(engine: Engine, values: Values):
    objects = engine(values, "")
    (pod,) = [entry for entry in objects if rendering.is_hook(entry)]

    assert one(objects, "Service")["spec"]["ports"][0]["appProtocol"] == "https"
    assert "https://" in str(pod["spec"]["containers"][0]["env"])


def test_the_notes_know_of_both():
    values = {"model": {"existingClaim": "m"}, "config": {**PAIR, "auth_token_file": TOKENS}}
    notes = rendering.render_text(values)["NOTES.txt"]

    assert 'curl -sk -H "Authorization: Bearer $TOKEN" https://localhost:8000' in notes


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"auth": {"existingSecret": "t"}, "config": {"auth_token_file": TOKENS}},
         ["config.auth_token_file: auth.existingSecret", "set one of them"]),
        ({"auth": {"existingSecret": "t"}, "extraEnv": [VARIABLE]},
         ["extraEnv: LONGSHORE_AUTH_TOKEN_FILE: auth.existingSecret"]),
        ({"tls": {"existingSecret": "c"}, "extraArgs": [f"--tls-key-file={KEY}"]},
         ["extraArgs: --tls-key-file: tls.existingSecret"]),
        ({"config": {"tls_key_file": KEY}}, ["config.tls_key_file", "set config.tls_cert_file"]),
    ],
)  # fmt: skip
def test_two_ways_and_a_key_alone_are_refused(engine: Engine, values: Values, words: list[str]):
    with pytest.raises(RefusedError) as refused:
        engine(values, "")

    assert all(word in str(refused.value) for word in words), refused.value
