"""Whether a candidate may have traffic: its signature, its answers, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from longshore_k8s.api import Json
from longshore_k8s.controller.rollout_spec import ValidationSpec

_END = object()
REJECTED, WAITING, PASSED = "Rejected", "Waiting", "Passed"
_ANY = -1
_SHOWN = 3
_SIDES = ("inputs", "outputs")
_TENSOR = {"name": str, "datatype": str, "shape": list}
_LONGEST = 100
"""Characters of an element that is shown."""


@dataclass(frozen=True, slots=True)
class PodAnswers:
    """What one pod says of itself."""

    metadata: Json | None
    """Of the model, by `read_metadata`; `None`: it did not say, for the reason in `unread`."""
    capacity: float | None = None
    """Rows a second, as calibrated; `None`: not known."""
    unread: str = ""
    needs_token: bool = False
    """Whether it answers those alone who have a token."""


@dataclass(frozen=True, slots=True)
class SampleAnswer:
    """What the candidate answered to one request."""

    request: Json
    """With the expected `outputs`."""
    status: int
    answer: Json
    seconds: float
    """The middle one of a few times."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What was asked of a candidate without traffic, and of the pods beside it."""

    candidate: PodAnswers
    stable: PodAnswers | None = None
    """`None`: nothing serves yet."""
    samples: tuple[SampleAnswer, ...] = ()
    samples_fault: str = ""
    """Why there are no samples though the spec names some."""


def read_metadata(document: Json) -> Json:
    """`inputs` and `outputs` of a model, as its clients read them; whoever made the image wrote it.

    Raises:
        ValueError: it is no metadata of a model.
    """
    return {key: [_read_tensor(one) for one in _list(document, key)] for key in _SIDES}


def read_outputs(document: Json) -> list[Json]:
    """Outputs by name, of a request that expects them or of an answer.

    Raises:
        ValueError: they are no list of tensors with names.
    """
    outputs = _list(document, "outputs")
    if not all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in outputs):
        raise ValueError("outputs: every entry is an object with a name")
    return outputs


def _list(document: Json, key: str) -> list[Any]:
    found = document.get(key)
    if not isinstance(found, list):
        raise ValueError(f"{key}: it has to be a list")
    return found


def _read_tensor(entry: Any) -> Json:
    known: Json = {key: entry.get(key) for key in _TENSOR} if isinstance(entry, dict) else {}
    has_types = all(isinstance(known.get(key), kind) for key, kind in _TENSOR.items())
    if not has_types or not all(isinstance(size, int) for size in known["shape"]):
        raise ValueError("a tensor has a name, a datatype and a shape")
    return known


Finding = tuple[str, str, str]
"""`REJECTED`, `WAITING` or `PASSED`; a reason and a sentence."""


def validated(probe: Probe, spec: ValidationSpec) -> Finding:
    """Rejected by the first thing that is wrong."""
    rejected = next(_faults(probe, spec), None)
    if rejected is not None:
        return REJECTED, *rejected
    if waiting := _waits_for(probe, spec):
        return WAITING, *waiting
    count = len(probe.samples)
    answered = f"{count} samples were answered as expected; " if count else ""
    return PASSED, "Validated", f"{answered}{_compared(probe)}"


def _compared(probe: Probe) -> str:
    """What was found to fit: a pod may not tell its cost, and with a token not its signature."""
    candidate, stable = probe.candidate, probe.stable
    if stable is None:
        return "nothing serves yet that it could be compared with."
    both = {
        "signature": stable.metadata is not None and candidate.metadata is not None,
        "cost": bool(stable.capacity and candidate.capacity),
    }
    known = " and ".join(name for name, is_known in both.items() if is_known)
    unknown = " and ".join(name for name, is_known in both.items() if not is_known)
    fits = f"{known} fit" if known else "nothing was compared"
    return f"{fits}; {unknown}: not known of both." if unknown else f"{fits}."


def _waits_for(probe: Probe, spec: ValidationSpec) -> tuple[str, str] | None:
    for name, pod in (("the candidate", probe.candidate), ("stable", probe.stable)):
        if pod is not None and pod.metadata is None and not pod.needs_token:
            return "PodUnreachable", f"The pod of {name} did not answer: {pod.unread}"
    if probe.samples_fault:
        return "SamplesMissing", probe.samples_fault
    return None


def _faults(probe: Probe, spec: ValidationSpec) -> Iterator[tuple[str, str]]:
    if spec.samples_from and probe.candidate.needs_token:
        yield "TokenNeeded", "The model answers with a token only, and the controller has none."
    stable, candidate = probe.stable, probe.candidate
    if stable is not None and stable.metadata is not None and candidate.metadata is not None:
        misfits = list(misfits_of(stable.metadata, candidate.metadata))
        if misfits:
            yield "SignatureChanged", "; ".join(misfits[:_SHOWN])
    for number, sample in enumerate(probe.samples, start=1):
        if fault := _sample_fault(sample, spec):
            yield fault[0], f"Sample {number}: {fault[1]}"
    if stable is not None and stable.capacity and candidate.capacity:
        ratio = candidate.capacity / stable.capacity
        if ratio < spec.min_capacity_ratio:
            yield (
                "TooLittleCapacity",
                f"A pod computes {candidate.capacity:.4g} rows/s, {ratio:.2f} of the "
                f"{stable.capacity:.4g} of one that serves; at least {spec.min_capacity_ratio:g} "
                "is asked for.",
            )


def misfits_of(stable: Json, candidate: Json) -> Iterator[str]:
    """Why requests that stable takes are not taken by the candidate, or answers are not what its
    clients read. Both are metadata by the Open Inference Protocol, with shapes of the batch axis.
    """
    known = {one["name"]: one for one in stable.get("inputs") or ()}
    for one in candidate.get("inputs") or ():
        before = known.pop(one["name"], None)
        if before is None:
            yield f"it needs the input {one['name']}, which clients do not send"
        elif not _takes(one, before):
            yield f"input {one['name']}: {_spec(before)} became {_spec(one)}"
    for name in known:
        yield f"it has no input {name}, which clients send"
    found = {one["name"]: one for one in candidate.get("outputs") or ()}
    for before in stable.get("outputs") or ():
        after = found.get(before["name"])
        if after is None:
            yield f"it has no output {before['name']}"
        elif not _takes(before, after):
            yield f"output {before['name']}: {_spec(before)} became {_spec(after)}"


def _takes(wide: Json, narrow: Json) -> bool:
    """Whether every tensor of `narrow` is one of `wide`."""
    if wide["datatype"] != narrow["datatype"] or len(wide["shape"]) != len(narrow["shape"]):
        return False
    pairs = zip(wide["shape"], narrow["shape"], strict=True)
    return all(size in (_ANY, other) for size, other in pairs)


def _spec(tensor: Json) -> str:
    return f"{tensor['datatype']} {tensor['shape']}"


def _sample_fault(sample: SampleAnswer, spec: ValidationSpec) -> tuple[str, str] | None:
    if sample.status != 200:
        said = str(sample.answer.get("error", ""))[:300]
        return "SampleRefused", f"status {sample.status}: {said}"
    try:
        found = {one["name"]: one for one in read_outputs(sample.answer)}
    except ValueError as error:
        return "SampleDiffers", f"the answer's {error}"
    for expected in read_outputs(sample.request):
        if "data" not in expected:
            continue
        name = expected["name"]
        if name not in found:
            return "SampleDiffers", f"no output {name} in the answer"
        if said := _difference(expected["data"], found[name].get("data"), spec.tolerance):
            return "SampleDiffers", f"output {name}: {said}"
    bound = spec.max_latency_seconds
    if bound is not None and sample.seconds > bound:
        return "TooSlow", f"{sample.seconds:.4g} s, more than {bound:g} s"
    return None


def _difference(expected: Any, found: Any, tolerance: float) -> str:
    """Of the first element that differs; empty where none does. Both may be nested or flat."""
    wanted, given = list(_elements(expected)), list(_elements(found))
    if len(wanted) != len(given):
        return f"{len(given)} elements, {len(wanted)} expected"
    for index, (one, other) in enumerate(zip(wanted, given, strict=True)):
        if not _are_equal(one, other, tolerance):
            return f"element {index} is {_shown(other)}, {_shown(one)} expected"
    return ""


def _are_equal(one: Any, other: Any, tolerance: float) -> bool:
    numbers = (int, float)
    if one == other or not (isinstance(one, numbers) and isinstance(other, numbers)):
        return bool(one == other)
    try:
        return math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)
    except OverflowError:  # an integer that no double holds
        return False


def _shown(value: Any) -> str:
    return repr(value)[:_LONGEST]


def _elements(value: Any) -> Iterator[Any]:
    waiting = [iter([value])]
    while waiting:
        below = next(waiting[-1], _END)
        if below is _END:
            waiting.pop()
        elif isinstance(below, list):
            waiting.append(iter(below))
        else:
            yield below
