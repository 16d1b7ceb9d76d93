"""`longshore predict` and `longshore example` on a model in a directory, without a server."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import numpy as np
import pytest

from longshore.cli import main
from longshore.commands.example import NAMES
from longshore.examples.forms import FORMS
from tests.attacks.served_process import identity_model

MODELS = Path(__file__).parents[2] / "models"
DIGITS = str(MODELS / "digits")
SEVEN = str(MODELS / "digits" / "request.json")


@pytest.fixture
def echo(tmp_path) -> str:
    return str(identity_model(tmp_path))


@pytest.mark.parametrize("model", ["digits", "digits-torchscript", "digits-pt2"])
def test_a_model_in_a_directory_answers(capsys, model):
    assert main(["predict", str(MODELS / model), "--input", SEVEN]) == 0

    text = capsys.readouterr().out
    assert text.startswith("logits  FP32 [1, 10]\n")
    assert "largest: 7" in text
    assert f"{model} version 1: " in text


def test_the_answer_comes_as_json(capsys, echo, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("1,2,3,4\n5,6,7,nan\n")

    assert main(["predict", echo, "--input", f"INPUT0={file}", "-o", "json"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["model_name"] == "echo"
    (output,) = document["outputs"]
    assert (output["shape"], output["datatype"]) == ([2, 4], "FP32")
    assert output["data"] == [1, 2, 3, 4, 5, 6, 7, None]


def test_repeated_requests_are_told_as_percentiles(capsys, echo):
    assert main(["predict", echo, "--repeat", "20"]) == 0
    table = capsys.readouterr()
    assert "20 requests, one after the other: p50 " in table.out
    assert "an example is sent" in table.err

    assert main(["predict", echo, "--repeat", "20", "-o", "json"]) == 0
    latency = json.loads(capsys.readouterr().out)["parameters"]["latency_seconds"]
    assert list(latency) == ["p50", "p90", "p99", "max"]
    assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["max"]


def test_no_port_is_opened(capsys, echo, monkeypatch):
    def refuse(*arguments: object) -> None:
        raise AssertionError("a socket listens")

    monkeypatch.setattr(socket.socket, "listen", refuse)

    assert main(["predict", echo]) == 0


def test_a_version_is_chosen(capsys, tmp_path):
    model = identity_model(tmp_path)
    (model / "1").rename(model / "7")
    (model / "9").mkdir()
    (model / "9" / "model.identity").write_text((model / "7" / "model.identity").read_text())

    assert main(["predict", str(model), "--model-version", "7"]) == 0
    assert "echo version 7: " in capsys.readouterr().out
    assert main(["predict", str(model), "--model-version", "8"]) == 1
    assert "8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["predict", "no/such/model"], 1, "no/such/model: no such file or directory"),
        (["predict", DIGITS, "--input", "absent.npy"], 2, "--input absent.npy: No such file"),
        (["predict", DIGITS, "--input", "y=absent.npy"], 2, "unknown input 'y'; the model has"),
        (["predict", DIGITS, "--model-version", "one"], 2, "'one' is not a whole number"),
        (["predict", DIGITS, "--device", "cuda"], 1, "cuda"),
        (["predict", "ftp://host"], 2, "the scheme must be http or https, found ftp"),
        (["predict", "http://"], 2, "names no host"),
        (["predict", "http://host:port"], 2, "http://host:port"),
        (["predict", "http://h", "--header", "none"], 2, "'none' is not of the form"),
        (["predict", "http://h", "--token-file", "absent"], 2, "--token-file: "),
        (["predict", "https://h", "--ca-file", "absent"], 2, "--ca-file: absent"),
        (["example", "no/such/model"], 1, "no/such/model: no such file or directory"),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_code(capsys, arguments, code, message):
    assert main(arguments) == code

    text = capsys.readouterr().err
    assert text.startswith("longshore: ")
    assert message in text
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--repeat", "0"], "'0' is not a whole number from 1"),
        (["--repeat", "many"], "'many' is not a whole number from 1"),
        (["--timeout", "0"], "'0' is not a number of seconds above 0, at most 3600"),
        (["--timeout", "nan"], "'nan' is not a number of seconds"),
        (["--pixels", "1"], "'1' is not of the form BLACK:WHITE"),
        (["--output", "yaml"], "invalid choice: 'yaml'"),
    ],
)
def test_an_option_with_another_value_says_what_is_allowed(capsys, arguments, message):
    with pytest.raises(SystemExit) as ended:
        main(["predict", DIGITS, *arguments])

    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_a_model_that_cannot_be_served_says_why(capsys, tmp_path):
    (tmp_path / "broken" / "1").mkdir(parents=True)
    (tmp_path / "broken" / "1" / "model.onnx").write_bytes(b"no model")

    assert main(["predict", str(tmp_path / "broken")]) == 1
    assert "model.onnx" in capsys.readouterr().err


def test_a_request_that_fails_is_an_error(capsys, tmp_path):
    model = identity_model(tmp_path, "break_when: 9\n")
    (tmp_path / "x.json").write_text("[9, 9, 9, 9]")

    assert main(["predict", str(model), "--input", str(tmp_path / "x.json")]) == 1
    assert "echo: 500: " in capsys.readouterr().err


def test_bytes_that_are_no_text_are_shown_in_the_table_alone(capsys, tmp_path):
    directory = tmp_path / "blob" / "1"
    directory.mkdir(parents=True)
    (directory / "model.identity").write_text(
        "input:\n  - {name: INPUT_A, data_type: TYPE_STRING, dims: [-1]}\n"
    )
    (tmp_path / "a.bin").write_bytes(b"\xff\x00")
    arguments = ["predict", str(directory.parent), "--input", str(tmp_path / "a.bin")]

    assert main(arguments) == 0
    assert "BYTES [1]" in capsys.readouterr().out
    assert main([*arguments, "-o", "json"]) == 1
    assert "-o table shows it" in capsys.readouterr().err


def test_a_large_tensor_goes_and_comes(capsys, echo, tmp_path):
    rows = np.random.default_rng(1).random((5000, 4), np.float32)
    np.save(tmp_path / "x.npy", rows)

    assert main(["predict", echo, "--input", str(tmp_path / "x.npy"), "-o", "json"]) == 0
    (output,) = json.loads(capsys.readouterr().out)["outputs"]
    np.testing.assert_array_equal(np.array(output["data"], np.float32), rows.ravel())


def test_an_example_of_a_directory_names_the_address_it_will_have(capsys):
    assert main(["example", DIGITS]) == 0

    text = capsys.readouterr().out
    assert text.startswith("curl -s http://localhost:8000/v2/models/digits/infer ")
    assert '"shape": [1, 1, 8, 8]' in text


def test_every_form_is_offered():
    assert tuple(FORMS) == NAMES
