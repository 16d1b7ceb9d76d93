"""What scikit-learn's own converter writes: served, or refused with the reason.

It is imported where it is used: every process of `make test` collects this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import orjson
import pytest

from longshore.backends.base import Backend
from longshore.cli import main
from longshore.errors import InvalidRequest, ModelConfigError
from longshore.loading.proof.declared_signature import declared_signature
from longshore.protocol import codec
from longshore.repository.model_config import ModelConfig, ModelOutput
from longshore.tensors import Datatype
from tests.backends.conftest import Place, load

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

ROWS = np.random.default_rng(0).random((150, 4), dtype=np.float32)
NAMES = np.array(["setosa", "versicolor", "virginica"])[np.argmax(ROWS[:, :3], axis=1)]


@pytest.fixture(scope="module")
def classifier() -> LogisticRegression:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=1000).fit(ROWS, NAMES)


def onnx_file(classifier: LogisticRegression, **options: object) -> bytes:
    from skl2onnx import to_onnx

    given = {id(classifier): options} if options else None
    content: bytes = to_onnx(classifier, ROWS[:1], options=given).SerializeToString()
    return content


def converted(place: Place, classifier: LogisticRegression, **options: object) -> Backend:
    return load(place(onnx_file(classifier, **options), "model.onnx"))


def test_labels_are_served_and_a_sequence_of_maps_is_left_out_in_words(place, classifier):
    backend = converted(place, classifier)

    assert [spec.name for spec in backend.signature.outputs] == ["output_label"]
    assert backend.signature.outputs[0].datatype is Datatype.BYTES
    (part,) = backend.signature.left_out
    assert str(part).startswith("output 'output_probability' is seq(map(string")
    assert "zipmap=False" in part.reason
    labels = backend.execute({"X": ROWS}, ("output_label",))["output_label"]
    assert [label.decode() for label in labels] == classifier.predict(ROWS).tolist()


def test_an_output_that_was_left_out_is_refused_with_the_reason_and_the_remedy(place, classifier):
    signature = converted(place, classifier).signature
    rows = {"name": "X", "shape": [1, 4], "datatype": "FP32", "data": ROWS[0].tolist()}
    body = orjson.dumps({"inputs": [rows], "outputs": [{"name": "output_probability"}]})

    with pytest.raises(InvalidRequest) as raised:
        codec.decode_request(body, header_length=None, signature=signature)

    assert str(raised.value).startswith("output 'output_probability' is not served: it is seq(map(")
    assert "zipmap=False; the model has 'output_label'" in str(raised.value)


def test_a_config_that_names_an_output_left_out_is_told_the_reason(place, classifier):
    config = ModelConfig(output=(ModelOutput("output_probability", Datatype.FP32, (3,)),))

    with pytest.raises(ModelConfigError, match=r"output\[0\]\.name: .*is not served.*zipmap=False"):
        declared_signature(config, converted(place, classifier).signature)


def test_the_remedy_named_serves_the_probabilities_too(place, classifier):
    backend = converted(place, classifier, zipmap=False)

    assert backend.signature.left_out == ()
    outputs = backend.execute({"X": ROWS}, ("label", "probabilities"))
    wanted = classifier.predict_proba(ROWS)
    np.testing.assert_allclose(outputs["probabilities"], wanted, atol=1e-5)


def test_inspect_names_what_is_not_served(place, classifier, capsys):
    path = place(onnx_file(classifier), "model.onnx").path

    assert main(["inspect", str(path.parent)]) == 0

    text = capsys.readouterr().out
    assert "output output_label: BYTES" in text
    assert "not served: output 'output_probability' is seq(map(" in text
