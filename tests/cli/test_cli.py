from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from longshore import __version__
from longshore.cli import main
from longshore.settings.table import option_table

DIGITS = Path(__file__).parents[2] / "models" / "digits"


@pytest.fixture
def digits(tmp_path):
    return Path(shutil.copytree(DIGITS, tmp_path / "digits"))


def test_help_lists_every_option_with_its_variable(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--help"])

    text = capsys.readouterr().out
    assert ended.value.code == 0
    for row in option_table():
        if row.name != "model_path":
            assert row.flag in text
            assert row.environment_variable in "".join(text.split())


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])

    assert capsys.readouterr().out == f"longshore {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["serve"], 2, "no model: name its directory"),
        (["serve", "models", "--port", "many"], 2, "--port: 'many' is not a whole number"),
        (["serve", "models", "--show-version", "--port", "many"], 2, "--port: 'many' is not"),
        (["serve", "models", "--config-file", "absent.yaml"], 2, "absent.yaml"),
        (["serve", "no/such/model"], 1, "no/such/model"),
        (["manifest", "no/such/model"], 1, "no/such/model"),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_code(capsys, arguments, code, message):
    assert main(arguments) == code

    text = capsys.readouterr().err
    assert text.startswith("longshore: ")
    assert message in text
    assert text.count("\n") == 1


def test_inspect_says_what_would_be_served(capsys, digits):
    assert main(["inspect", str(digits)]) == 0

    text = capsys.readouterr().out
    assert "model: digits" in text
    assert "version 1: model.onnx (onnx)" in text
    assert "input image: FP32 [-1, 1, 8, 8]" in text
    assert "output logits: FP32 [-1, 10]" in text


def test_inspect_says_what_is_wrong(capsys, digits):
    (digits / "2").mkdir()
    (digits / "config.yaml").write_text("max_batch_sizes: 3")
    assert main(["inspect", str(digits)]) == 1
    assert "max_batch_sizes" in capsys.readouterr().out

    (digits / "config.yaml").unlink()
    assert main(["inspect", str(digits)]) == 0
    assert "version 2 is not served: " in capsys.readouterr().out


def test_inspect_holds_the_config_against_the_artifact_version_by_version(capsys, digits):
    shutil.copytree(digits / "1", digits / "2")
    (digits / "2" / "model.onnx").write_bytes(b"no model")
    (digits / "config.yaml").write_text(
        "version_policy: {all: {}}\ninput: [{name: image, data_type: FP32, dims: [-1, 1, 8, 8]}]\n"
    )

    assert main(["inspect", str(digits)]) == 0

    text = capsys.readouterr().out
    assert "version 1: model.onnx (onnx)" in text
    assert "version 2 is not served: " in text


def test_a_manifest_is_written_and_verified(capsys, digits):
    assert main(["manifest", str(digits)]) == 0
    assert main(["manifest", "--verify", str(digits)]) == 0
    assert "verified: " in capsys.readouterr().out

    model = digits / "1" / "model.onnx"
    content = bytearray(model.read_bytes())
    content[100] ^= 1
    model.write_bytes(content)

    assert main(["manifest", "--verify", str(digits)]) == 1
    assert "model.onnx" in capsys.readouterr().err
