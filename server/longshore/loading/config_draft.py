"""A `config.yaml` to begin from, for an artifact that does not say what it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import yaml
from msgspec.structs import replace

from longshore.backends.registry import find_backend_class
from longshore.errors import ModelConfigError, ModelLoadError
from longshore.loading.proof.learned_outputs import learn_outputs
from longshore.repository.integrity import VerifiedArtifact
from longshore.repository.model_config import ModelConfig, ModelInput, ModelOutput
from longshore.tensors import Datatype, TensorSpec

FIRST_LINE = "config.yaml to begin from; it belongs into the directory of the model"
_WRITTEN = ("max_batch_size", "input", "output")
_NO_MARKS: Mapping[str, str] = MappingProxyType({})
_TYPES = ", ".join(datatype for datatype in Datatype if datatype is not Datatype.BYTES)
_MARKS = {
    "data_type": f"to fill in: {_TYPES}",
    "dims": "to fill in: every size, the batch first; -1 is any size",
}
_GUESSED = "Types and sizes were guessed by running the model: compare them with its code."
_NOT_GUESSED = (
    "No guess at the inputs ran. Fill in what is marked; the outputs are then learned by a run."
)


def draft_config(
    verified: VerifiedArtifact, config: ModelConfig, document: dict[str, Any]
) -> str | None:
    """The text of a config with the keys of `document`, which `config` was read from, and with the
    inputs and outputs that the artifact does not say; `None` where a config is no help.

    Raises:
        ModelLoadError: the artifact is refused or broken.
    """
    draft = find_backend_class(verified.artifact.format).draft_inputs(verified, config)
    if draft is None:
        return None
    for guess in draft.guesses:
        guessed = _guessed(guess, config)
        try:
            learned, _ = learn_outputs(verified, guessed, threads=1)
        except (ModelConfigError, ModelLoadError):
            continue
        return _text(_GUESSED, document, learned, draft.optional)
    marked = tuple(ModelInput(name, Datatype.FP32, (-1, 1)) for name in draft.required)
    unknown = replace(config, max_batch_size=None, input=marked, output=())
    return _text(_NOT_GUESSED, document, unknown, draft.optional, marks=_MARKS)


def _guessed(specs: Sequence[TensorSpec], config: ModelConfig) -> ModelConfig:
    """A batch limit above 0 stays only where every input has a batch axis, which `dims` leave out
    then.
    """
    is_batched = bool(config.max_batch_size) and all(s.shape[:1] == (-1,) for s in specs)
    padding = {tensor.name: tensor.padding for tensor in config.input}
    inputs = tuple(
        ModelInput(
            spec.name,
            spec.datatype,
            spec.shape[1:] if is_batched else spec.shape,
            padding.get(spec.name, {}),
        )
        for spec in specs
    )
    limit = 0 if config.max_batch_size and not is_batched else config.max_batch_size
    return replace(config, max_batch_size=limit, input=inputs)


def _text(
    headline: str,
    document: dict[str, Any],
    config: ModelConfig,
    optional: Sequence[str],
    marks: Mapping[str, str] = _NO_MARKS,
) -> str:
    kept = {key: value for key, value in document.items() if key not in _WRITTEN}
    if config.max_batch_size is not None:
        kept["max_batch_size"] = config.max_batch_size
    comments = [f"# {FIRST_LINE}", f"# {headline}"]
    if optional:
        comments.append(f"# Optional inputs, which are not declared here: {', '.join(optional)}")
    return "".join(
        (
            "\n".join(comments),
            "\n",
            _yaml(kept) if kept else "",
            _entries("input", config.input, document, marks),
            _entries("output", config.output, document, marks),
        )
    )


def _entries(
    key: str,
    tensors: Sequence[ModelInput | ModelOutput],
    document: dict[str, Any],
    marks: Mapping[str, str],
) -> str:
    if not tensors:
        return ""
    padding = {entry["name"]: entry.get("padding") for entry in document.get(key) or ()}
    lines = [f"{key}:"]
    for tensor in tensors:
        entry: dict[str, Any] = {
            "name": tensor.name,
            "data_type": str(tensor.data_type),
            "dims": list(tensor.dims),
        }
        if padding.get(tensor.name):
            entry["padding"] = padding[tensor.name]
        for line in _yaml([entry]).splitlines():
            mark = marks.get(line.lstrip("- ").partition(":")[0])
            lines.append(f"  {line}  # {mark}" if mark else f"  {line}")
    return "\n".join(lines) + "\n"


def _yaml(value: object) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, default_flow_style=None, width=1000)
    return text
