from __future__ import annotations

import json

import numpy as np
import pytest

from longshore.client.named_inputs import read_inputs
from longshore.errors import SettingsError
from longshore.tensors import Datatype, Signature, TensorSpec

ROW = Signature((TensorSpec("x", Datatype.FP32, (-1, 4)),), ())
TEXT = Signature((TensorSpec("text", Datatype.BYTES, (-1, 1)),), ())
FLAGS = Signature((TensorSpec("flag", Datatype.BOOL, (-1, 2)),), ())
PAIR = Signature(
    (TensorSpec("age", Datatype.INT64, (-1, 1)), TensorSpec("town", Datatype.BYTES, (-1, 1))), ()
)
PIXELS = (0.0, 1.0)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a file into the current directory."""
    monkeypatch.chdir(tmp_path)

    def write_file(name: str, content: str | bytes) -> str:
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(data)
        return name

    return write_file


def read(signature: Signature, *arguments: str) -> dict[str, list[object]]:
    found = read_inputs(arguments, signature, PIXELS)
    return {name: array.tolist() for name, array in found.items()}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.json", "[[1, 2, 3, 4]]"),
        ("x.json", '{"x": [1, 2, 3, 4]}'),
        (
            "x.json",
            json.dumps({"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32",
                                    "data": [1, 2, 3, 4]}]}),
        ),
        ("x.csv", "1,2,3,4\n"),
        ("x.csv", "\ufeffa,b,c,d\n1,2,3,4\n"),
        ("X.CSV", "1, 2, 3, 4\r\n"),
    ],
)  # fmt: skip
def test_a_file_of_each_kind_gives_the_only_input(write, name, content):
    assert read(ROW, write(name, content)) == {"x": [[1, 2, 3, 4]]}


def test_an_array_of_numpy_is_read(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(8.0).reshape(2, 4))

    assert read(ROW, f"x={tmp_path / 'x.npy'}") == {"x": [[0, 1, 2, 3], [4, 5, 6, 7]]}


def test_each_line_of_a_text_is_an_element(write):
    assert read(TEXT, write("t.txt", "one line\nänother\n")) == {
        "text": [[b"one line"], ["änother".encode()]]
    }


def test_cells_of_text_and_of_booleans_are_read_as_the_signature_says(write):
    assert read(TEXT, write("t.csv", 'a\n"b, c"\n')) == {"text": [[b"a"], [b"b, c"]]}
    assert read(FLAGS, write("f.csv", "true,0\n1,False\n")) == {
        "flag": [[True, False], [True, False]]
    }


def test_another_file_is_one_element_of_bytes(write):
    assert read(TEXT, write("scan.jpg", b"\xff\xd8\xff")) == {"text": [[b"\xff\xd8\xff"]]}


def test_several_inputs_are_columns_of_a_table(write):
    content = "town,more,age\nUlm,1,30\nBonn,2,4\n"

    assert read(PAIR, write("p.csv", content)) == {
        "age": [[30], [4]],
        "town": [[b"Ulm"], [b"Bonn"]],
    }


def test_several_inputs_come_by_name_in_any_order(write):
    town, age = write("town.txt", "Ulm\n"), write("age.json", "[30]")

    assert read(PAIR, f"town={town}", f"age={age}") == {"age": [[30]], "town": [[b"Ulm"]]}
    assert read(PAIR, write("both.json", '{"town": ["Ulm"], "age": [[30]]}')) == {
        "age": [[30]],
        "town": [[b"Ulm"]],
    }


@pytest.mark.parametrize(
    ("signature", "name", "content", "argument", "message"),
    [
        (ROW, "x.json", "[1, 2", "x.json", r"--input x.json: is not JSON: .*\(line 1 column"),
        (ROW, "x.json", "[1]", "y=x.json", "y=x.json: unknown input 'y'; the model has 'x'"),
        (ROW, "x.json", '{"y": [1]}', "x.json", "unknown input 'y'"),
        (ROW, "x.json", '{"inputs": [{"name": "x"}]}', "x.json", "no `datatype`"),
        (ROW, "x.csv", "1,2,3,x\n", "x.csv", "row 1 column 4: 'x' is no FP32"),
        (ROW, "x.csv", "a,b,c,d\n1,2,3,4\n1,2,3\n", "x.csv", "row 3 has 3 cells, the first has 4"),
        (ROW, "x.csv", "", "x.csv", "has no row"),
        (ROW, "x.csv", b"\xff\xfe,1", "x.csv", "not UTF-8 at byte 0"),
        (ROW, "x.npy", "none", "x.npy", "is no array of numpy's"),
        (ROW, "x.txt", "1", "x.txt", "a text is for inputs of BYTES, and 'x' takes FP32"),
        (ROW, "x.dat", "1", "x.dat", "must end with one of .json, .npy, .csv, .txt"),
        (ROW, "x.json", "[1]", "absent.json", "--input absent.json: No such file"),
        (ROW, "x.png", "no image", "x.png", "takes no image"),
        (PAIR, "x.json", "[1]", "x.json", "for which of 'age', 'town' is it"),
        (PAIR, "x.json", "[1]", "age=x.json", "the model also needs 'town'"),
        (PAIR, "p.csv", "age\n1\n", "p.csv", "has no column 'town'"),
        (PAIR, "p.csv", "age,town\n1.5,Ulm\n", "p.csv", "row 1 column 1: '1.5' is no INT64"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(write, signature, name, content, argument, message):
    write(name, content)

    with pytest.raises(SettingsError, match=message):
        read(signature, argument)


def test_an_input_is_given_once(write):
    file = write("x.json", "[1, 2, 3, 4]")

    with pytest.raises(SettingsError, match="'x' is given more than once"):
        read(ROW, f"x={file}", file)
