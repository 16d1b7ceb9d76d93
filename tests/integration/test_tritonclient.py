"""tritonclient, unmodified, against a real server."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from longshore.tensors import Datatype

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of gevent, which the client imports
    from tritonclient import http as triton

ARRAYS = {
    "BOOL": np.array([[True, False]]),
    "FP16": np.array([[1.5, np.nan]], dtype=np.float16),
    "FP32": np.array([[np.inf, -0.0]], dtype=np.float32),
    "BYTES": np.array([[b"\x00\xff", "é".encode()]], dtype=object),
    **{
        name: np.array(
            [[np.iinfo(Datatype(name).numpy_dtype).min, np.iinfo(Datatype(name).numpy_dtype).max]],
            dtype=Datatype(name).numpy_dtype,
        )
        for name in ("UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64")
    },
    "FP64": np.array([[1e300, 5e-324]]),
}


@pytest.fixture
def client(digits):
    with triton.InferenceServerClient(f"127.0.0.1:{digits.port}", concurrency=8) as client:
        yield client


@pytest.fixture
def typed_client(every_datatype):
    with triton.InferenceServerClient(f"127.0.0.1:{every_datatype.port}") as client:
        yield client


def image(rows: int = 1, *, seed: int = 0, binary: bool = True) -> triton.InferInput:
    tensor = triton.InferInput("image", [rows, 1, 8, 8], "FP32")
    scans = np.random.default_rng(seed).random((rows, 1, 8, 8), dtype=np.float32)
    tensor.set_data_from_numpy(scans, binary_data=binary)
    return tensor


def test_the_server_and_the_model_are_ready(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("digits")
    assert client.is_model_ready("digits", "1")


def test_metadata_names_the_tensors(client):
    server = client.get_server_metadata()
    model = client.get_model_metadata("digits")

    assert "binary_tensor_data" in server["extensions"]
    assert model["platform"] == "onnxruntime_onnx"
    assert model["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 1, 8, 8]}]
    assert model["outputs"] == [{"name": "logits", "datatype": "FP32", "shape": [-1, 10]}]


def test_config_and_statistics_are_those_that_perf_analyzer_reads(client):
    client.infer("digits", [image(3)])
    config = client.get_model_config("digits")
    (statistics,) = client.get_inference_statistics("digits")["model_stats"]

    assert config["input"][0]["data_type"] == "TYPE_FP32"
    assert config["max_batch_size"] > 1
    assert int(statistics["inference_count"]) >= 3
    assert int(statistics["inference_stats"]["success"]["count"]) >= 1


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_binary_and_json_give_the_same_answer(client, binary):
    wanted = client.infer("digits", [image(2)]).as_numpy("logits")
    output = triton.InferRequestedOutput("logits", binary_data=binary)

    result = client.infer("digits", [image(2, binary=binary)], outputs=[output], request_id="7")

    np.testing.assert_allclose(result.as_numpy("logits"), wanted, rtol=1e-6)
    assert result.get_response()["id"] == "7"
    assert result.get_response()["model_version"] == "1"


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compressed_requests_and_answers_are_understood(client, algorithm):
    wanted = client.infer("digits", [image(40)]).as_numpy("logits")

    result = client.infer(
        "digits",
        [image(40)],
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )

    np.testing.assert_allclose(result.as_numpy("logits"), wanted, rtol=1e-6)


def test_concurrent_requests_get_their_own_answers(client):
    seeds = range(60)
    alone = {seed: client.infer("digits", [image(1 + seed % 3, seed=seed)]) for seed in seeds}
    pending = {
        seed: client.async_infer("digits", [image(1 + seed % 3, seed=seed)]) for seed in seeds
    }

    for seed in seeds:
        np.testing.assert_allclose(
            pending[seed].get_result().as_numpy("logits"),
            alone[seed].as_numpy("logits"),
            rtol=1e-4,
            atol=1e-4,
        )


def json_form(array: np.ndarray) -> np.ndarray:
    """`array` without what JSON has no form for: NaN, infinities, bytes that are no text."""
    if array.dtype == object:
        return np.array([[b"a", "é".encode()]], dtype=object)
    return np.nan_to_num(array, posinf=2.5) if array.dtype.kind == "f" else array


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_every_datatype_comes_back_as_it_was_sent(typed_client, binary):
    sent = {name: array if binary else json_form(array) for name, array in ARRAYS.items()}
    inputs, outputs = [], []
    for name, array in sent.items():
        is_binary = binary or name == "FP16"  # the client sends no FP16 in JSON
        title = "STRING" if name == "BYTES" else name
        tensor = triton.InferInput(f"INPUT_{title}", list(array.shape), name)
        tensor.set_data_from_numpy(array, binary_data=is_binary)
        inputs.append(tensor)
        outputs.append(triton.InferRequestedOutput(f"OUTPUT_{title}", binary_data=is_binary))

    result = typed_client.infer("types", inputs, outputs=outputs)

    for (name, array), output in zip(sent.items(), outputs, strict=True):
        found = result.as_numpy(output.name())
        if name == "BYTES" and not binary:
            found = np.array([[text.encode() for text in found.ravel()]], dtype=object)
        np.testing.assert_array_equal(found, array, err_msg=name)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.infer("other", [image()]), "unknown model 'other'"),
        (lambda c: c.infer("digits", [image()], model_version="9"), "unknown version '9'"),
        (lambda c: c.get_model_metadata("other"), "unknown model 'other'"),
        (
            lambda c: c.infer("digits", [triton.InferInput("picture", [1], "FP32")]),
            "picture",
        ),
    ],
)
def test_errors_reach_the_client_in_words(client, call, message):
    with pytest.raises(InferenceServerException, match=message):
        call(client)


def test_threads_of_clients_do_not_disturb_each_other(digits):
    def ask(seed: int) -> np.ndarray:
        with triton.InferenceServerClient(f"127.0.0.1:{digits.port}") as client:
            return client.infer("digits", [image(seed=seed)]).as_numpy("logits")

    wanted = [ask(seed) for seed in range(4)]
    with ThreadPoolExecutor(1) as pool:  # gevent's clients live on one thread each
        found = list(pool.map(ask, range(4)))

    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
