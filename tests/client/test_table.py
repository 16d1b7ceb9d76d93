from __future__ import annotations

import numpy as np

from longshore.client.served_model import Prediction
from longshore.client.table import as_json, output_tables


def test_scores_are_a_table_that_says_which_is_largest():
    scores = np.array([[0.125, 2, -1], [3, 0, 0]], np.float32)

    assert output_tables({"scores": scores}) == (
        "scores  FP32 [2, 3]\n"
        "  row      0  1   2\n"
        "    0  0.125  2  -1  largest: 1\n"
        "    1      3  0   0  largest: 0"
    )


def test_texts_and_numbers_alone_are_shown():
    texts = np.array([b"yes", "nö".encode()], object)

    assert output_tables({"label": texts, "n": np.array(7)}) == (
        "label  BYTES [2]\n  row    0\n    0  yes\n    1   nö\n\nn  INT64 []\n  row  0\n    0  7"
    )


def test_long_outputs_are_cut():
    text = output_tables({"y": np.zeros((30, 100), np.float32)})

    assert "... 88 more" in text
    assert text.endswith("... 10 rows more")
    assert "XXX..." in output_tables({"t": np.array([b"X" * 100], object)})


def test_an_empty_output_is_shown():
    assert "y  FP32 [0, 3]" in output_tables({"y": np.zeros((0, 3), np.float32)})


def test_json_is_an_answer_of_the_protocol():
    outputs = {"y": np.array([[1.5, np.nan]], np.float32), "t": np.array([b"a"], object)}

    assert as_json("m", Prediction("3", outputs, 0.1), {}) == (
        '{"model_name":"m","model_version":"3","outputs":['
        '{"name":"y","datatype":"FP32","shape":[1,2],"data":[1.5,null]},'
        '{"name":"t","datatype":"BYTES","shape":[1],"data":["a"]}]}'
    )
