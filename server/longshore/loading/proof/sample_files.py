"""Where recorded samples are read from: requests in `samples.json` beside a version, and
`model_warmup` of the config with its files in the directory `warmup` of the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from longshore.errors import LongshoreError, ModelConfigError, ModelLoadError
from longshore.loading.proof.recorded_samples import RecordedSample
from longshore.loading.proof.sample_inputs import SampleMaker
from longshore.protocol.binary_codec import array_from_bytes
from longshore.protocol.json_codec import decode_json_request
from longshore.protocol.json_data import array_from_elements
from longshore.protocol.validation import check_shape
from longshore.repository.artifact import SAMPLES_FILE, Artifact
from longshore.repository.bounded_json import load_json
from longshore.repository.model_config import ModelConfig, ModelWarmup, WarmupInput
from longshore.repository.regular_file import IrregularFile, read_bounded
from longshore.tensors import Array, Datatype, Signature, Tensors, TensorSpec, element_count

WARMUP_DIRECTORY = "warmup"
MAX_BYTES = 64 * 2**20
"""Of one file."""


def read_recorded(
    artifact: Artifact, config: ModelConfig, signature: Signature
) -> list[RecordedSample]:
    """`signature` is what clients see.

    Raises:
        ModelLoadError: a file that cannot be read, or a request that the model does not take.
        ModelConfigError: a warm-up sample that does not fit the model.
    """
    samples = [_warmup_sample(warmup, config, signature) for warmup in config.model_warmup]
    if SAMPLES_FILE in artifact.files:
        samples += _requests(artifact, signature)
    return samples


def _requests(artifact: Artifact, signature: Signature) -> Iterator[RecordedSample]:
    path = artifact.directory / SAMPLES_FILE
    content = _read(path, inside=artifact.directory)
    try:
        document = load_json(content)
    except ValueError as error:
        raise ModelLoadError(f"{path}: not JSON: {error}") from error
    if document == [] or not isinstance(document, dict | list):
        raise ModelLoadError(f"{path}: holds no inference request, nor a list of them")
    requests: list[Any] = document if isinstance(document, list) else [document]
    for index, request in enumerate(requests):
        origin = f"{path}: request {index + 1}"
        try:
            decoded = decode_json_request(orjson.dumps(request), signature=signature)
            expected = dict(_expected(request, signature))
        except (LongshoreError, orjson.JSONEncodeError) as error:
            raise ModelLoadError(f"{origin}: {error}") from error
        yield RecordedSample(origin, decoded.inputs, expected=expected)


def _expected(request: dict[str, Any], signature: Signature) -> Iterator[tuple[str, Array]]:
    """The outputs that have `data`: what the model answered when the request was recorded."""
    for entry in request.get("outputs") or ():
        if "data" not in entry:
            continue
        name = entry["name"]
        datatype = signature.output_by_name[name].datatype
        may_hold_booleans = datatype is Datatype.BOOL
        elements = list(_elements(entry["data"]))
        yield (
            name,
            array_from_elements(
                elements, datatype=datatype, name=name, may_hold_booleans=may_hold_booleans
            ),
        )


def _elements(data: Any) -> Iterator[Any]:
    """Nested or flat, as in an answer."""
    if isinstance(data, list):
        for below in data:
            yield from _elements(below)
    else:
        yield data


def _warmup_sample(
    warmup: ModelWarmup, config: ModelConfig, signature: Signature
) -> RecordedSample:
    origin = f"{config.file}: model_warmup: {warmup.name}"
    wanted = set(signature.input_by_name)
    given = {entry.name for entry in warmup.inputs}
    if given != wanted:
        raise ModelConfigError(
            f"{origin}: found inputs {', '.join(sorted(given)) or 'none'}, allowed by the model: "
            f"{', '.join(sorted(wanted))}"
        )
    inputs: Tensors = {}
    for entry in warmup.inputs:
        spec = signature.input_by_name[entry.name]
        try:
            inputs[entry.name] = _warmup_tensor(entry, spec, warmup.batch_size, Path(config.file))
        except LongshoreError as error:
            raise ModelConfigError(f"{origin}: {error}") from error
    return RecordedSample(origin, inputs, warmup.count)


def _warmup_tensor(entry: WarmupInput, spec: TensorSpec, rows: int, file: Path) -> Array:
    """`dims` leave out the batch axis where the model has one, and the sample is repeated."""
    if entry.data_type is not spec.datatype:
        raise ModelConfigError(
            f"{file}: model_warmup: '{entry.name}': found {entry.data_type}, "
            f"allowed by the model: {spec.datatype}"
        )
    has_batch_axis = len(entry.dims) == len(spec.shape) - 1
    shape = (1, *entry.dims) if has_batch_axis else entry.dims
    check_shape((rows, *shape[1:]) if has_batch_axis else shape, spec)
    single = _warmup_data(entry, TensorSpec(spec.name, spec.datatype, shape), file)
    return np.repeat(single, rows, axis=0) if has_batch_axis else single


def _warmup_data(entry: WarmupInput, spec: TensorSpec, file: Path) -> Array:
    if entry.source == "input_data_file":
        return _read_tensor(file.parent, entry.file, spec)
    if entry.source == "zero_data" or spec.datatype is Datatype.BYTES:  # as Triton has it
        zero = b"" if spec.datatype is Datatype.BYTES else 0
        return np.full(spec.shape, zero, dtype=spec.datatype.numpy_dtype)
    maker = SampleMaker(Signature((spec,), ()), dimension=1, integer_bound=100)
    return maker.make(1, seed=0)[spec.name]


def _read_tensor(root: Path, name: str, spec: TensorSpec) -> Array:
    path = root / WARMUP_DIRECTORY / name
    content = _read(path, inside=root.resolve())
    width = spec.datatype.itemsize
    wanted = None if width is None else width * element_count(spec.shape)
    if wanted not in (None, len(content)):
        raise ModelLoadError(f"{path}: has {len(content)} bytes, the tensor takes {wanted}")
    return array_from_bytes(memoryview(content), spec.shape, spec)


def _read(path: Path, *, inside: Path) -> bytes:
    try:
        return read_bounded(path, inside=inside, max_bytes=MAX_BYTES)
    except IrregularFile as error:
        raise ModelLoadError(f"{path}: {error}") from error
    except OSError as error:
        raise ModelLoadError(f"{path}: {error.strerror}") from error
