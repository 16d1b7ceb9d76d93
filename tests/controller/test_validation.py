from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore_k8s.controller.rollout_spec import ValidationSpec
from longshore_k8s.controller.validation import (
    PASSED,
    REJECTED,
    WAITING,
    PodAnswers,
    Probe,
    SampleAnswer,
    misfits_of,
    validated,
)


def tensor(name="x", datatype="FP32", shape=(-1, 4)):
    return {"name": name, "datatype": datatype, "shape": list(shape)}


def metadata(inputs=(), outputs=()):
    return {"inputs": list(inputs) or [tensor()], "outputs": list(outputs) or [tensor("y")]}


def sample(found, expected=(1.0, 2.0), status=200, seconds=0.01):
    request = {"inputs": [], "outputs": [{"name": "y", "data": list(expected)}]}
    answer = {"outputs": [{"name": "y", "data": list(found)}]}
    return SampleAnswer(request, status, answer if status == 200 else {"error": "no"}, seconds)


TENSORS = st.lists(
    st.builds(
        tensor,
        st.sampled_from("abc"),
        st.sampled_from(["FP32", "INT64"]),
        st.lists(st.sampled_from([-1, 4]), min_size=1, max_size=2),
    ),
    unique_by=lambda one: one["name"],
    min_size=1,
)


@given(inputs=TENSORS, outputs=TENSORS)
def test_a_signature_fits_itself(inputs, outputs):
    assert list(misfits_of(metadata(inputs, outputs), metadata(inputs, outputs))) == []


@pytest.mark.parametrize(
    ("candidate", "words"),
    [
        (metadata([tensor(), tensor("z")]), "needs the input z, which clients do not send"),
        (metadata([tensor("z")]), "has no input x, which clients send"),
        (metadata([tensor(datatype="INT64")]), "input x: FP32 [-1, 4] became INT64 [-1, 4]"),
        (metadata([tensor(shape=(1, 4))]), "input x: FP32 [-1, 4] became FP32 [1, 4]"),
        (metadata([tensor(shape=(-1, 5))]), "input x: "),
        (metadata([tensor(shape=(4,))]), "input x: "),
        (metadata(outputs=[tensor("z")]), "has no output y"),
        (metadata(outputs=[tensor("y", shape=(-1, -1))]), "output y: FP32 [-1, 4] became"),
    ],
)
def test_what_clients_send_and_read_has_to_fit(candidate, words):
    probe = Probe(PodAnswers(candidate), PodAnswers(metadata()))
    outcome, reason, message = validated(probe, ValidationSpec())

    assert (outcome, reason) == (REJECTED, "SignatureChanged")
    assert words in message


@pytest.mark.parametrize(
    "candidate",
    [
        metadata([tensor(shape=(-1, -1))]),
        metadata(outputs=[tensor("y"), tensor("more")]),
        metadata(outputs=[tensor("y", shape=(1, 4))]),
    ],
)
def test_a_signature_may_take_more_and_give_more(candidate):
    assert list(misfits_of(metadata(), candidate)) == []


@pytest.mark.parametrize(
    ("answered", "reason", "words"),
    [
        (sample([1.0, 2.5]), "SampleDiffers", "output y: element 1 is 2.5, 2.0 expected"),
        (sample([1.0]), "SampleDiffers", "1 elements, 2 expected"),
        (sample([], status=400), "SampleRefused", "status 400: no"),
        (sample([1.0, 2.0], seconds=0.6), "TooSlow", "0.6 s, more than 0.5 s"),
        (sample(["a", "b"]), "SampleDiffers", "element 0 is 'a', 1.0 expected"),
    ],
)
def test_a_sample_that_is_answered_otherwise_rejects(answered, reason, words):
    probe = Probe(PodAnswers(metadata()), samples=(sample([1.0, 2.0]), answered))
    spec = ValidationSpec("samples", max_latency_seconds=0.5)
    outcome, found, message = validated(probe, spec)

    assert (outcome, found) == (REJECTED, reason)
    assert message.startswith("Sample 2: ")
    assert words in message


def test_numbers_are_compared_within_the_tolerance_and_texts_exactly():
    close = sample([1.0005, [2.0001]])
    texts = sample(["a", "b"], expected=["a", "b"])
    probe = Probe(PodAnswers(metadata()), samples=(close, texts))

    assert validated(probe, ValidationSpec("samples"))[0] == PASSED
    assert validated(probe, ValidationSpec("samples", tolerance=1e-5))[0] == REJECTED


def test_what_a_pod_answers_beyond_all_bounds_is_a_difference_and_no_fault():
    nested: list = [1.0]
    for _ in range(500):
        nested = [nested]
    for found in ([10**400, 2.0], [nested], None, [{"a": 1}, 2.0]):
        request = {"outputs": [{"name": "y", "data": [1.0, 2.0]}]}
        answer = {"outputs": [{"name": "y", "data": found}]}
        probe = Probe(PodAnswers(metadata()), samples=(SampleAnswer(request, 200, answer, 0.1),))
        assert validated(probe, ValidationSpec("samples"))[:2] == (REJECTED, "SampleDiffers")
    strange = SampleAnswer(request, 200, {"outputs": [1]}, 0.1)
    probe = Probe(PodAnswers(metadata()), samples=(strange,))
    assert validated(probe, ValidationSpec("samples"))[0] == REJECTED


@pytest.mark.parametrize(
    ("stable", "candidate", "outcome"),
    [(100.0, 70.0, PASSED), (100.0, 69.0, REJECTED), (None, 1.0, PASSED), (100.0, None, PASSED)],
)
def test_a_pod_has_to_compute_as_much_as_one_that_serves(stable, candidate, outcome):
    probe = Probe(PodAnswers(metadata(), candidate), PodAnswers(metadata(), stable))

    assert validated(probe, ValidationSpec())[0] == outcome


@pytest.mark.parametrize(
    ("stable", "candidate", "words"),
    [
        (PodAnswers(metadata(), 9.0), PodAnswers(metadata(), 9.0), "signature and cost fit."),
        (PodAnswers(metadata()), PodAnswers(metadata(), 9.0), "signature fit; cost: not known"),
        (
            PodAnswers(None, 9.0, needs_token=True),
            PodAnswers(None, 9.0, needs_token=True),
            "cost fit; signature: not known",
        ),
        (None, PodAnswers(metadata(), 9.0), "nothing serves yet"),
    ],
)
def test_what_was_not_compared_is_not_said_to_fit(stable, candidate, words):
    outcome, _, message = validated(Probe(candidate, stable), ValidationSpec())

    assert outcome == PASSED
    assert words in message


@pytest.mark.parametrize(
    ("probe", "outcome", "reason"),
    [
        (Probe(PodAnswers(None, unread="refused")), WAITING, "PodUnreachable"),
        (Probe(PodAnswers(metadata()), PodAnswers(None, unread="x")), WAITING, "PodUnreachable"),
        (Probe(PodAnswers(metadata()), samples_fault="none"), WAITING, "SamplesMissing"),
        (Probe(PodAnswers(None, needs_token=True)), REJECTED, "TokenNeeded"),
    ],
)
def test_what_could_not_be_asked_is_waited_for(probe, outcome, reason):
    assert validated(probe, ValidationSpec("samples"))[:2] == (outcome, reason)
